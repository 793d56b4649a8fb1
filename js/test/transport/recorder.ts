/** Records into a file with an outbox in any runtime: `recorder.ts KEY EXPORT OUTBOX FROM [TO]`. */

import { fileOutbox, fileTransport } from "../../packages/countersign/dist/node.js";
import { createRecorder } from "../../packages/countersign/dist/record/record.js";

const [key = "", path = "", outbox = "", from = "0", to] = process.argv.slice(2);
const audit = await createRecorder({
  key,
  origin: "example.com/audit",
  to: fileTransport(path),
  outbox: fileOutbox(outbox),
  autoFlush: { maxEvents: 20, maxDelayMs: 5 },
}).ready();

for (let next = Number(from); to === undefined || next < Number(to); next += 1) {
  const n = next;
  void audit
    .record({ action: "job.trigger", actor: { id: "a" }, metadata: { n } })
    .stored()
    .then(() => console.log(n));
  if (next % 7 === 0) {
    // Lets the disk and flushes proceed in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (audit.status().queued > 500) {
    await audit.flush();
  }
}
await audit.close();
