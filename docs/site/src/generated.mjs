/** Pages that the build generates from other files than documents. */

import { entries } from "./entries.mjs";
import { HTTP } from "./paths.mjs";

/**
 * Returns the generated pages: `{ text, page, source, parent }`, where `page` is a path in the site, and the others are
 * the title, the file that the page describes, and the page that lists it.
 */
export function generatedPages() {
  const api = entries().map(({ specifier, source, page }) => ({
    text: specifier,
    page,
    source,
    parent: "docs/javascript-api.md",
  }));
  return [...api, HTTP];
}
