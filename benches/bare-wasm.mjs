// Does a folder's bare work in WebAssembly, and prints the seconds it took, excluding reading the work.
//
//     node bare-wasm.mjs FOLDER BARE.wasm
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

const [folder, module] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module));
const { memory, place, work } = instance.exports;
const file = openSync(join(folder, "work.bin"));
const length = new DataView(new ArrayBuffer(4));
let milliseconds = 0;
while (readSync(file, length) === 4) {
  const size = length.getUint32(0, true);
  const address = place(size);
  readSync(file, new Uint8Array(memory.buffer, address, size));
  const start = performance.now();
  work();
  milliseconds += performance.now() - start;
}
closeSync(file);
console.log(milliseconds / 1000);
