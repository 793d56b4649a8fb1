// Verifies a folder's export with the npm package on this thread, and prints the seconds it took.
//
//     node verify-wasm.mjs FOLDER [VERIFIER.wasm]
//
// Without a file, uses the package's own verifier.
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { createVerifier } from "../js/packages/countersign/dist/verify/create-verifier.js";
import { verify as verifyWithOwn } from "../js/packages/countersign/dist/verify/verify.js";

const [folder, file] = process.argv.slice(2);
const verify =
  file === undefined
    ? verifyWithOwn
    : createVerifier({ module: await WebAssembly.compile(readFileSync(file)) }).verify;
const trust = readFileSync(join(folder, "trust.txt"), "utf8");
const start = performance.now();
const source = createReadStream(join(folder, "export.ndjson"), { highWaterMark: 1 << 20 });
const { report } = await verify(source, { trust, threads: 0 });
const seconds = (performance.now() - start) / 1000;
if (report.verdict !== "verified") throw new Error(`the verdict is ${report.verdict}`);
console.log(seconds);
