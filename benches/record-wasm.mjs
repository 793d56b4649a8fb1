// Records events with the npm package, 64 per flush, and prints the microseconds per event.
//
//     node record-wasm.mjs EVENTS
import { createRecorder, generateKey } from "../js/packages/countersign/dist/record/record.js";
import { event } from "./event.mjs";

const FLUSH = 64;
const events = Number(process.argv[2]);
const { key } = await generateKey("bench.example/recorder");
let bytes = 0;
const recorder = await createRecorder({
  key,
  origin: "log.example/bench",
  to: (chunk) => {
    bytes += chunk.length;
  },
  autoFlush: false,
}).ready();

const start = performance.now();
for (let nth = 0; nth < events; ) {
  for (const end = Math.min(nth + FLUSH, events); nth < end; nth++) recorder.record(event(nth));
  await recorder.flush();
}
const microseconds = (performance.now() - start) * 1000;
await recorder.close();
if (bytes < events * 500) throw new Error(`${bytes} bytes of ${events} events`);
console.log(microseconds / events);
