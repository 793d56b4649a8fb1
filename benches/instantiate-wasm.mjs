// Compiles and instantiates an artifact and prints the milliseconds it took, reading the files not counted.
//
//     node instantiate-wasm.mjs NAME.js    with NAME_bg.wasm beside it
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const bindings = process.argv[2];
const bytes = readFileSync(bindings.replace(/\.js$/, "_bg.wasm"));
const { initSync } = await import(pathToFileURL(bindings));
const start = performance.now();
initSync({ module: new WebAssembly.Module(bytes) });
console.log(performance.now() - start);
