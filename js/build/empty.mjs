/** Empties folders of the package in whose folder npm runs this: `node empty.mjs dist`. */

import { pathToFileURL } from "node:url";
import { empty } from "./output.mjs";

empty(...process.argv.slice(2).map((name) => new URL(`${name}/`, pathToFileURL(`${process.cwd()}/`))));
