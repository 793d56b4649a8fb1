/** Tests the built files: links and anchors, and that nothing is loaded from elsewhere. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";
import { generatedPages } from "../src/generated.mjs";
import { pages } from "../src/navigation.mjs";
import { SITE, sitePath } from "../src/paths.mjs";

const files = readdirSync(SITE, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => posix.join(parentPath, name).slice(SITE.length));
const text = (file) => readFileSync(SITE + file, "utf8");
const htmlFiles = files.filter((file) => file.endsWith(".html"));
const withoutCode = (html) => html.replace(/<script\b[^>]*>[\s\S]*?<\/script>/g, "");
const ids = new Map(
  htmlFiles.map((file) => [file, new Set([...text(file).matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id))]),
);

test("each page is built", () => {
  const paths = [...pages().map(sitePath), ...generatedPages().map(({ page }) => page)];
  const missing = paths.filter((path) => !htmlFiles.includes(path.replace(/\.md$/, ".html")));
  assert.deepEqual(missing, []);
});

test("no link leads to a missing page or heading", () => {
  const dead = [];
  for (const file of htmlFiles.filter((file) => file !== "404.html")) {
    for (const [, link] of withoutCode(text(file)).matchAll(/\bhref="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path, anchor] = decodeURI(link.replaceAll("&amp;", "&")).split("#");
      const resolved =
        path === ""
          ? file
          : posix
              .join(
                "/",
                posix.dirname(file),
                path.startsWith("/")
                  ? posix.relative(posix.join("/", posix.dirname(file)), path) +
                      (path.endsWith("/") ? "/" : "")
                  : path,
              )
              .slice(1);
      const target = resolved === "" || resolved.endsWith("/") ? `${resolved}index.html` : resolved;
      const exists = existsSync(SITE + target);
      if (!exists || (anchor && ids.has(target) && !ids.get(target).has(anchor)))
        dead.push(`${file}: ${link}`);
    }
  }
  assert.deepEqual(dead, []);
});

test("pages and styles load nothing from elsewhere", () => {
  const loads = [];
  for (const file of htmlFiles) {
    const html = text(file);
    const tags = html.matchAll(
      /<(?:script|img|source|iframe|link)\b[^>]*?\b(?:src|srcset|href)="((?:https?:)?\/\/[^"]*)"/g,
    );
    loads.push(...[...tags].map(([, address]) => `${file}: ${address}`));
  }
  for (const file of files.filter((file) => file.endsWith(".css"))) {
    const addresses = text(file).matchAll(/(?:@import|url\()\s*["']?((?:https?:)?\/\/[^"')]*)/g);
    loads.push(...[...addresses].map(([, address]) => `${file}: ${address}`));
  }
  assert.deepEqual(loads, []);
});
