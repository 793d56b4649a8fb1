// Records events with the npm package, 64 a flush, and prints the microseconds that an event took.
//
//     node record-wasm.mjs EVENTS
import { createRecorder, generateKey } from "../js/dist/record/record.node.js";

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
});

const event = (nth) => ({
  action: "job.update",
  actor: { id: `u_${nth % 977}`, name: "Zoë Example", type: "user" },
  target: { type: "cron_job", id: `${nth % 10_007}` },
  tenant: `t_${nth % 31}`,
  context: {
    ip: `192.0.2.${nth % 251}`,
    user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
    request_id: `${nth}`.padStart(16, "0"),
  },
  before: { enabled: true, schedule: "@hourly" },
  after: { enabled: nth % 3 === 0, schedule: `*/${(nth % 59) + 1} * * * *` },
  metadata: { note: "n".repeat(40) },
});

const start = performance.now();
for (let nth = 0; nth < events; ) {
  for (const end = Math.min(nth + FLUSH, events); nth < end; nth++) recorder.record(event(nth));
  await recorder.flush();
}
const microseconds = (performance.now() - start) * 1000;
await recorder.close();
if (bytes < events * 500) throw new Error(`${bytes} bytes of ${events} events`);
console.log(microseconds / events);
