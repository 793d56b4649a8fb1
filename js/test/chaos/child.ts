/** A run of a recorder with a file outbox in Node.js, Deno, and Bun: `child.ts OUTBOX LIFE`. */

import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import { type Life, live } from "./scenario.ts";

const [path = "", life = ""] = process.argv.slice(2);
await live(JSON.parse(life) as Life, {
  outbox: () => fileOutbox(path),
  say: (line) => console.log(line),
});
// The entries left by the previous run.
const outbox = fileOutbox(path);
console.log(`left ${(await outbox.open()).length}`);
await outbox.close();
