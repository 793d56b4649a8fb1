/** Entry points of the npm packages, and their pages. */

import { readFileSync } from "node:fs";
import { PROJECT } from "./paths.mjs";

/** The folder of the packages, relative to the project. */
export const PACKAGES = "js/packages/";

/** The public packages, by the name of their folder. */
const FOLDERS = ["countersign", "viewer", "cloudflare-log"];

/**
 * Returns the entry points that export something: `{ specifier, source, page }`, where `specifier` is what a program
 * imports, `source` a path in the project, and `page` a path in the site.
 */
export function entries() {
  return FOLDERS.flatMap((folder) => {
    const { name, exports } = JSON.parse(readFileSync(`${PROJECT}${PACKAGES}${folder}/package.json`, "utf8"));
    return Object.entries(exports)
      .filter(([, conditions]) => conditions.types !== undefined)
      .map(([path, { types }]) => ({
        specifier: name + path.slice(1),
        source: types.replace(/^\.\/dist\/(.+)\.d\.ts$/, `${PACKAGES}${folder}/src/$1.ts`),
        page: `api/${folder}${path.slice(1)}.md`,
      }))
      .filter(({ source }) => /^export /m.test(readFileSync(PROJECT + source, "utf8")));
  });
}
