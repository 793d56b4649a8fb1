// Compiles and instantiates an artifact, and prints the milliseconds it took, excluding reading the files.
//
//     node instantiate-wasm.mjs NAME.js    with NAME_bg.wasm next to it
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const bindings = process.argv[2];
const bytes = readFileSync(bindings.replace(/\.js$/, "_bg.wasm"));
const { initSync } = await import(pathToFileURL(bindings));
const start = performance.now();
initSync({ module: new WebAssembly.Module(bytes) });
console.log(performance.now() - start);
