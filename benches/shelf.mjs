// Puts events onto a shelf of verified events as the auditor's page does, in a worker, and prints how long that took,
// how much memory the worker holds, and how long questions take: by the clock, and of the worker's own time, which says
// more where other work goes on.
//
//     node --expose-gc shelf.mjs [EVENTS]
import { createShelf } from "../js/dist/shelf/host.js";
import { EVERYTHING, parseQuery } from "../js/dist/shelf/query.js";
import { thread } from "../js/dist/verify/thread.node.js";
import { event } from "./event.mjs";

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const IN_BATCH = 1000;
const CHAINS = 8;
const ORDER = { by: "place", descending: false };
const ASKED = [
  "",
  "action:job.*",
  "action:*.update actor:u_1*",
  "actor:u_500",
  "actor:zoë*",
  "target:cron_job:99*",
  "-target:*7*",
  "outcome:failure",
  "tenant:t_3,t_4 outcome:failure actor:u_1*",
  "since:2026-03-01 until:2026-05-01",
  "since:2026-03-01 until:2026-05-01 action:*.create outcome:failure",
  "chain:*7 signer:example.com/*",
];
/**
 * Found often, seldom, in all of them, in none, in none and too short for a sieve; in one of the last, in its text and in
 * a member of its own.
 */
const SEARCHED = [
  '"*/59 *"',
  "0000000000777777",
  "mozilla",
  "zzzz nothing",
  "zq",
  `"nth\\":${EVENTS - 5000}"`,
  `metadata.nth:${EVENTS - 5000}`,
];

/** A worker that also says what memory it holds. */
const SCRIPT = `
  import { parentPort } from "node:worker_threads";
  import { serve } from ${JSON.stringify(new URL("../js/dist/shelf/serve.js", import.meta.url).href)};
  const port = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer), onmessage: null };
  parentPort.on("message", (data) => {
    if (data.type !== "held") return port.onmessage({ data });
    const { user, system } = process.threadCpuUsage();
    if (data.collect) gc();
    parentPort.postMessage({ type: "held", held: { ...process.memoryUsage(), time: (user + system) / 1000 } });
  });
  serve(port);
`;

const encoder = new TextEncoder();
const ACTIONS = ["job.create", "job.update", "job.delete", "session.login", "secret.rotate"];

/** How many bytes of events were made. */
let kept = 0;

/** An everyday event whose target no other event has. */
function line(nth) {
  const chain = nth % CHAINS;
  const place = {
    line: nth + 10,
    index: nth + 8,
    chain: `${chain}`.padStart(32, "0"),
    seq: Math.floor(nth / CHAINS) + 1,
    time: new Date(Date.UTC(2026, 0, 1) + nth * 20_000).toISOString(),
    authorised: true,
    vkey: `example.com/service-${chain % 3}+0123abcd+AbcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR`,
  };
  const said = {
    ...event(nth),
    action: ACTIONS[nth % ACTIONS.length],
    target: { type: "cron_job", id: `${nth}` },
    ...(nth % 17 === 0 && { outcome: "failure", reason: "no\nroom" }),
    metadata: { note: "n".repeat(40), nth },
  };
  const text = JSON.stringify(said);
  kept += Buffer.byteLength(text);
  return `${JSON.stringify(place).slice(0, -1)},"event":${text}}\n`;
}

/** Lines in the order in which signatures cover them: chain after chain. */
function batch(begin, end) {
  const lines = [];
  for (let chain = 0; chain < CHAINS; chain += 1) {
    for (let nth = begin + ((chain - begin) % CHAINS + CHAINS) % CHAINS; nth < end; nth += CHAINS) lines.push(line(nth));
  }
  return encoder.encode(lines.join(""));
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
const milliseconds = (time) => `${time.toFixed(0)} ms`;

let worker;
let memory;
const shelf = createShelf(() => {
  const inner = thread(new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`));
  worker = {
    postMessage: (message, transfer) => inner.postMessage(message, transfer),
    terminate: () => inner.terminate(),
    onmessage: null,
    onerror: null,
    onmessageerror: null,
  };
  inner.onmessage = (message) => (message.data.type === "held" ? memory.resolve(message.data.held) : worker.onmessage(message));
  inner.onerror = (error) => {
    memory?.reject(new Error(error.message));
    worker.onerror?.(error);
  };
  return worker;
});

async function held(collect = true) {
  memory = Promise.withResolvers();
  worker.postMessage({ type: "held", collect }, []);
  return memory.promise;
}

/** How much of its own time the worker has used, in milliseconds. */
const spent = async () => (await held(false)).time;

const before = await held();
// As the page does: the list is there from the beginning.
let tellings = 0;
shelf.ask(EVERYTHING, ORDER, () => {
  tellings += 1;
});
let bytes = 0;
let adding = 0;
let own = await spent();
for (let begin = 0; begin < EVENTS; begin += IN_BATCH) {
  const lines = batch(begin, Math.min(EVENTS, begin + IN_BATCH));
  bytes += lines.length;
  const start = performance.now();
  await shelf.add(lines);
  // What making the next batch takes is no part of it.
  await shelf.rowOf(0);
  adding += performance.now() - start;
}
console.log(`added ${EVENTS} events, ${megabytes(bytes)}: ${seconds(adding)} (own ${seconds((await spent()) - own)}), told ${tellings} times`);
let start = performance.now();
await shelf.settle();
console.log(`settled: ${milliseconds(performance.now() - start)}`);
const now = await held();
// Node keeps blobs among the buffers; a browser keeps them elsewhere.
const holds = (memory) => megabytes(memory.heapUsed - before.heapUsed + memory.arrayBuffers - before.arrayBuffers - kept);
console.log(`the worker holds ${holds(now)} beside ${megabytes(kept)} of events in blobs`);

let worst = 0;
let worstOwn = 0;
for (const order of [ORDER, { by: "time", descending: true }]) {
  for (const asked of ASKED) {
    own = await spent();
    start = performance.now();
    const found = await shelf.ask(parseQuery(asked).query, order, () => {});
    const rows = await shelf.rows(0, 50);
    const took = performance.now() - start;
    own = (await spent()) - own;
    worst = Math.max(worst, took);
    worstOwn = Math.max(worstOwn, own);
    console.log(`${milliseconds(took)} (own ${milliseconds(own)}) by ${order.by}: ${asked || "everything"} (${found.events} events, ${rows.length} rows read)`);
  }
}
console.log(`the slowest filter: ${milliseconds(worst)} (own ${milliseconds(worstOwn)})`);
for (const asked of SEARCHED) {
  own = await spent();
  start = performance.now();
  let first;
  let told = 0;
  const found = await shelf.ask(parseQuery(asked).query, ORDER, ({ events }) => {
    told += 1;
    if (events > 0) first ??= performance.now() - start;
  });
  const took = performance.now() - start;
  console.log(`text ${asked}: first ${first === undefined ? "-" : milliseconds(first)}, all ${seconds(took)} (own ${seconds((await spent()) - own)}; ${found.events} events, told ${told} times)`);
}
console.log(`after the questions the worker holds ${holds(await held())}`);
for (const as of ["csv", "ndjson"]) {
  await shelf.ask(parseQuery("").query, ORDER, () => {});
  start = performance.now();
  const blob = await shelf.save(as, () => {});
  console.log(`saved as ${as}: ${seconds(performance.now() - start)}, ${megabytes(blob.size)}`);
}
shelf.close();
