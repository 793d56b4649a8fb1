/** For Node, Deno and Bun: sources as JSON in the first file, exports as JSON into the second. */

import { readFile, writeFile } from "node:fs/promises";
import { scenario } from "./scenario.mjs";

const [sources, exports] = process.argv.slice(2);
await writeFile(exports, JSON.stringify(await scenario(JSON.parse(await readFile(sources, "utf8")))));
