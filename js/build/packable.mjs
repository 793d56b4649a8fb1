/** Refuses to pack a tree that is not built: all that package.json names must be there, and what is inlined be what is built. */

import { existsSync, readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const { exports, imports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

const targets = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry).flatMap(targets));
const missing = targets({ exports, imports }).filter((path) => !path.includes("*") && !existsSync(new URL(path, root)));

const text = async (name) => (await import(new URL(`dist/inlined/${name}.js`, root).href)).default;
const stale = [];
if (missing.length === 0) {
  for (const name of ["recorder", "verifier"]) {
    const built = readFileSync(new URL(`dist/wasm/${name}_bg.wasm`, root), "base64");
    stale.push(...((await text(name)) === built ? [] : [`dist/inlined/${name}.js`]));
  }
  stale.push(...((await text("worker.node")) === "" ? ["dist/inlined/worker.node.js"] : []));
}

if (missing.length + stale.length > 0) {
  const what = [...new Set([...missing, ...stale])].join(", ");
  console.error(`not built, or not as it is now: ${what}\nBuild it first: cargo xtask wasm, then npm run build`);
  process.exitCode = 1;
}
