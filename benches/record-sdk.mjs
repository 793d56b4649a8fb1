// Records events on Node.js, and prints the microseconds per event.
//
//     node record-sdk.mjs WHAT EVENTS
//
// WHAT is one of
//     call        processor time of only the call of `record`
//     slow        wall-clock time of that call at the 99th percentile
//     recording   processor time of everything: record, and a flush for every 64 events
//     pino        processor time of an unsigned line of JSON per event
//     webcrypto   processor time of a line of JSON and a signature per event
import { pino } from "pino";
import { createRecorder, generateKey } from "../js/packages/countersign/dist/record/record.js";
import { event } from "./event.mjs";

const FLUSH = 64;
const [, , what, count] = process.argv;
const events = Number(count);
let bytes = 0;
const take = (chunk) => {
  bytes += chunk.length;
};
const { key } = await generateKey("bench.example/recorder");
const options = { key, origin: "log.example/bench", to: take, autoFlush: false };

/** The work of each mode with 64 events. Returns the microseconds to count, if not all of them count. */
const contestants = {
  async call() {
    const recorder = await createRecorder(options).ready();
    return async (some) => {
      const start = processor();
      for (const one of some) recorder.record(one);
      const took = processor() - start;
      await recorder.flush();
      return took;
    };
  },
  async slow() {
    const recorder = await createRecorder(options).ready();
    return async (some) => {
      for (const one of some) {
        const start = performance.now();
        recorder.record(one);
        calls.push((performance.now() - start) * 1000);
      }
      await recorder.flush();
    };
  },
  recording: () => flushing(createRecorder),
  async pino() {
    const logger = pino({}, { write: take });
    return (some) => {
      for (const one of some) logger.info(one);
    };
  },
  async webcrypto() {
    const { privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const encoder = new TextEncoder();
    return async (some) => {
      const lines = some.map((one) => encoder.encode(JSON.stringify(one)));
      lines.forEach(take);
      const signatures = await Promise.all(lines.map((line) => crypto.subtle.sign("Ed25519", privateKey, line)));
      signatures.forEach(({ byteLength }) => take({ length: byteLength }));
    };
  },
};
const calls = [];

async function flushing(create) {
  const recorder = await create(options);
  return async (some) => {
    for (const one of some) recorder.record(one);
    await recorder.flush();
  };
}

const processor = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

async function run(work, from, to) {
  let [own, all] = [0, 0];
  for (let nth = from; nth < to; nth += FLUSH) {
    const some = Array.from({ length: FLUSH }, (_, more) => event(nth + more));
    const start = processor();
    own += (await work(some)) ?? 0;
    all += processor() - start;
  }
  return own || all;
}

const work = await contestants[what]();
// Warm up, so that compilation isn't measured.
await run(work, 0, Math.min(events, 10_000));
calls.length = 0;
const microseconds = await run(work, 0, events);
if (bytes < events * 300) throw new Error(`${bytes} bytes of ${events} events`);
const slow = calls.sort((a, b) => b - a)[Math.floor(calls.length / 100)];
console.log(slow ?? microseconds / (Math.ceil(events / FLUSH) * FLUSH));
