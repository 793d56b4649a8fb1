/**
 * Fails unless the package is built: all files that package.json references must exist, and inlined files must be
 * current.
 */

import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

// npm runs this in the folder of the package.
const folder = pathToFileURL(`${process.cwd()}/`);
const read = (path) => readFileSync(new URL(path, folder), "utf8");
const { bin = {}, exports, imports = {} } = JSON.parse(read("package.json"));

const targets = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry).flatMap(targets));
// The files of the program in the package countersign.
const program = bin.countersign === undefined ? [] : ["dist/wasm/program.wasm", "dist/dev/server.node.js"];
const missing = [...targets({ bin, exports, imports }), ...program].filter(
  (path) => !existsSync(new URL(path, folder)),
);

const text = async (name) => (await import(new URL(`dist/inlined/${name}.js`, folder).href)).default;
const stale = [];
if (missing.length === 0 && existsSync(new URL("dist/inlined", folder))) {
  for (const name of ["gate", "recorder", "recorder.uncompressed", "verifier"]) {
    const built = readFileSync(new URL(`dist/wasm/${name.replace(".uncompressed", "")}_bg.wasm`, folder));
    const inlined = name === "recorder" ? gzipSync(built, { level: 9 }) : built;
    stale.push(...((await text(name)) === inlined.toString("base64") ? [] : [`dist/inlined/${name}.js`]));
  }
  stale.push(...((await text("worker.node")) === "" ? ["dist/inlined/worker.node.js"] : []));
}

if (missing.length + stale.length > 0) {
  const what = [...new Set([...missing, ...stale])].join(", ");
  console.error(`missing or outdated: ${what}\nBuild first: cargo xtask wasm, then npm run build in js`);
  process.exitCode = 1;
}
