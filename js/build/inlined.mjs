/** Begins a build: makes of artefacts code that has them, as base64, which tsc wants when it compiles the rest. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const dist = new URL("../dist/", import.meta.url);
const into = new URL("inlined/", dist);

// What an earlier build left would be packed with this one's.
for (const name of readdirSync(dist).filter((name) => name !== "wasm")) {
  rmSync(new URL(name, dist), { recursive: true });
}
mkdirSync(into, { recursive: true });

/** A module that gives a text; without one for now, where what it is made of is yet to be compiled. */
function inline(name, text = "") {
  writeFileSync(new URL(`${name}.js`, into), `export default ${JSON.stringify(text)};\n`);
  writeFileSync(new URL(`${name}.d.ts`, into), "declare const text: string;\nexport default text;\n");
}

for (const name of ["recorder", "verifier"]) {
  inline(name, readFileSync(new URL(`wasm/${name}_bg.wasm`, dist), "base64"));
}
// build/element.mjs fills it.
inline("worker.node");
