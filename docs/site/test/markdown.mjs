/** Markdown of the project, read as the site's builder reads it. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createMarkdownRenderer } from "vitepress";
import { PROJECT } from "../src/paths.mjs";
import { slugify } from "../src/slugs.mjs";

const renderer = await createMarkdownRenderer(PROJECT, {
  anchor: { slugify, permalink: false },
  attrs: { disable: true },
});
const ID = /<[^>]+\b(?:id|name)="([^"]+)"/g;
const ATTRIBUTE = /\b(?:src|srcset|href)="([^"]+)"/g;

/** Returns the paths of all tracked Markdown files in a folder, relative to the project. */
export function documents(folder = "") {
  const listed = execFileSync("git", ["ls-files", "--", `${folder}*.md`], { cwd: PROJECT, encoding: "utf8" });
  return listed.split("\n").filter((path) => path !== "");
}

const read = new Map();

/** Returns the links of a document, and its anchors as GitHub computes them. */
export function document(path) {
  if (!read.has(path)) read.set(path, parse(readFileSync(PROJECT + path, "utf8")));
  return read.get(path);
}

function parse(text) {
  const anchors = new Set();
  const links = [];
  for (const token of renderer.parse(text, {})) {
    if (token.type === "heading_open") anchors.add(token.attrGet("id"));
    for (const { type, content, attrs } of [token, ...(token.children ?? [])]) {
      if (type.startsWith("html_")) {
        for (const [, id] of content.matchAll(ID)) anchors.add(id);
        for (const [, link] of content.matchAll(ATTRIBUTE)) links.push(link);
      }
      for (const [name, link] of attrs ?? []) if (name === "href" || name === "src") links.push(link);
    }
  }
  return { links, anchors };
}
