/** Paths of the project, of the sources of the site, and of the built site. */

import { fileURLToPath } from "node:url";

const project = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The project's folder, with a slash at the end. */
export const PROJECT = project("");
/** Copies of the pages, at the paths that they have in the site. */
export const PAGES = project("target/docs/pages/");
/** The link to the packages that pages import. */
export const MODULES = project("target/docs/node_modules");
/** Declarations of types that the build of the npm packages generates. */
export const TYPES = project("target/docs/types/");
/** The cache of the builder. */
export const CACHE = project("target/docs/cache/");
/** The built site. */
export const SITE = project("target/docs/site/");
/** The folder with the guides, and with the images of all pages, relative to the project. */
export const DOCS = "docs/";
/** The page about the HTTP interface, which is made of its OpenAPI description. */
export const HTTP = {
  text: "HTTP API",
  page: "api/http.md",
  source: "docs/openapi.json",
  parent: "crates/log/README.md",
};
/** The page that lists all pages, relative to the project. It is the home page, and the only source of the navigation. */
export const HOME = "docs/README.md";
/** The addresses of the project's files that are not pages of the site. */
export const REPOSITORY = "https://github.com/countersign/countersign";

/** Returns the path of a page in the site, from its path in the project. */
export function sitePath(page) {
  if (page === HOME) return "index.md";
  if (page === "README.md") return "overview.md";
  if (page.startsWith(DOCS)) return page.slice(DOCS.length);
  return page.replace(/README\.md$/, "index.md");
}
