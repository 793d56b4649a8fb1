/** Programs that the tests of the npm package bring along too. */

import { createRequire } from "node:module";
import { delimiter } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Requires what the npm package's own tests use. */
export const require = createRequire(new URL("../../js/", import.meta.url));

/** A file of the project. */
export const project = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The program that serves and verifies. */
export const COUNTERSIGN = process.env.COUNTERSIGN ?? project("target/debug/countersign");

/** Where `node`, `deno`, `bun` and `vite` are found. */
export const PATH = [
  process.execPath.replace(/[^\\/]+$/, ""),
  project("js/node_modules/.bin"),
  project("examples/node_modules/.bin"),
  process.env.PATH,
].join(delimiter);
