/**
 * The scenario for Node.js, Deno, and Bun: reads sources as JSON from the first file, and writes exports as JSON to the
 * second.
 */

import { readFile, writeFile } from "node:fs/promises";
import { scenario } from "./scenario.mjs";

const [sources, exports] = process.argv.slice(2);
await writeFile(exports, JSON.stringify(await scenario(JSON.parse(await readFile(sources, "utf8")))));
