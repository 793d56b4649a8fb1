/** Links and images of pages: from paths in the project to addresses in the site. */

import { existsSync, statSync } from "node:fs";
import { posix } from "node:path";
import { DOCS, PROJECT, REPOSITORY, sitePath } from "./paths.mjs";

const EXTERNAL = /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i;
const IMAGE = /\.(?:png|svg)$/;
const ATTRIBUTE = /\b(src|srcset|href)="([^"]*)"/g;

/**
 * Returns the plugin of markdown-it that resolves links. `pages` are the pages of the site, as paths in the project, and
 * `generated` are the pages made of other files. A link to such a file leads to its page.
 */
export function projectLinks(pages, generated) {
  const sources = new Map(pages.map((page) => [sitePath(page), page]));
  const made = new Map(generated.map(({ source, page }) => [source, page]));
  const own = new Set(made.values());
  const address = (env, link) =>
    own.has(env.relativePath) ? link : resolve(sources, made, env.relativePath, link);
  return (md) =>
    md.core.ruler.push("project-links", ({ tokens, env }) => {
      for (const token of tokens.flatMap((token) => [token, ...(token.children ?? [])])) {
        for (const name of ["href", "src"]) {
          const link = token.attrGet(name);
          if (link !== null) token.attrSet(name, address(env, link));
        }
        if (token.type === "html_block" || token.type === "html_inline") {
          token.content = token.content.replace(
            ATTRIBUTE,
            (_, name, link) => `${name}="${address(env, link)}"`,
          );
        }
      }
    });
}

/** Returns the address that a link of a page leads to. Throws if the project has no such file. */
function resolve(sources, made, relativePath, link) {
  if (EXTERNAL.test(link) || link.startsWith("#")) return link;
  const page = sources.get(relativePath);
  if (page === undefined) throw new Error(`${relativePath} is not a page of the navigation`);
  const [path, anchor] = link.split("#");
  const target = posix.join(posix.dirname(page), decodeURI(path));
  if (target.startsWith("../") || !existsSync(PROJECT + target))
    throw new Error(`${page}: there is no ${target}`);
  if (IMAGE.test(target)) return image(page, target);
  const end = anchor === undefined ? "" : `#${anchor}`;
  if ([...sources.values()].includes(target)) return `/${sitePath(target)}${end}`;
  if (made.has(target)) return `/${made.get(target)}${end}`;
  const kind = statSync(PROJECT + target).isDirectory() ? "tree" : "blob";
  return `${REPOSITORY}/${kind}/main/${target.replace(/\/$/, "")}${end}`;
}

function image(page, target) {
  if (`${posix.dirname(target)}/` !== DOCS)
    throw new Error(`${page}: ${target} must be in the folder ${DOCS}`);
  return `/images/${posix.basename(target)}`;
}
