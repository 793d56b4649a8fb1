// Writes the built-in rule pack with a preview of the analyzer: rules.mjs ANALYZER.js ANALYZER.wasm FILE

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, wasm, file] = process.argv.slice(2);
const { initSync, builtInPack } = await import(pathToFileURL(script).href);
initSync({ module: readFileSync(wasm) });
writeFileSync(file, `${builtInPack()}\n`);
