/** Tools installed with the npm packages. */

import { createRequire } from "node:module";
import { delimiter } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Requires dependencies of the npm packages' build and tests. */
export const require = createRequire(new URL("../../js/", import.meta.url));

/** Returns the absolute path of a project file. */
export const project = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The `countersign` executable. */
export const COUNTERSIGN = process.env.COUNTERSIGN ?? project("target/debug/countersign");

/** The PATH with `node`, `deno`, `bun`, and `vite`. */
export const PATH = [
  process.execPath.replace(/[^\\/]+$/, ""),
  project("js/node_modules/.bin"),
  project("examples/node_modules/.bin"),
  process.env.PATH,
].join(delimiter);
