// Verifies a folder's export with the npm package, all on this thread, and prints the seconds it took.
//
//     node verify-wasm.mjs FOLDER
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { verify } from "../js/packages/countersign/dist/verify/verify.js";

const folder = process.argv[2];
const trust = readFileSync(join(folder, "trust.txt"), "utf8");
const start = performance.now();
const source = createReadStream(join(folder, "export.ndjson"), { highWaterMark: 1 << 20 });
const { report } = await verify(source, { trust, threads: 0 });
const seconds = (performance.now() - start) / 1000;
if (report.verdict !== "verified") throw new Error(`the verdict is ${report.verdict}`);
console.log(seconds);
