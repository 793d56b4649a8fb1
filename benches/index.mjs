// Adds events to an index as the auditor's page does, on one thread. Prints the time, the size of the
// index, and the time of searches, in processor time, which other load affects less.
//
//     node index.mjs [EVENTS [FOLDER WITH index.js]]
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { event } from "./event.mjs";

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const FOLDER = pathToFileURL(`${process.argv[3] ?? "../js/wasm"}/`);
const IN_BATCH = 1000;
const CHAINS = 8;
const NOW = Date.UTC(2026, 10, 20);
const ROWS_A_STEP = 50_000;
const QUERIES = [
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
  "signer:example.com/*",
  `metadata.nth:${EVENTS - 5000}`,
  "metadata.nth>500000",
  "has:context",
  "changed:enabled",
  '"*/59 *"',
  "0000000000777777",
  "mozilla",
  '"zzzz nothing"',
  "zq",
  "e",
  "é",
];

const { default: init, EventIndex, SegmentBuilder } = await import(new URL("index.js", FOLDER).href);
const exports = await init({ module_or_path: await WebAssembly.compile(readFileSync(new URL("index_bg.wasm", FOLDER))) });
const encoder = new TextEncoder();
const ACTIONS = ["job.create", "job.update", "job.delete", "session.login", "secret.rotate"];

/** Returns a typical event with a unique target. */
function line(nth) {
  const chain = nth % CHAINS;
  const place = {
    line: nth + 10,
    index: nth + 8,
    chain: `${chain}`.padStart(32, "0"),
    seq: Math.floor(nth / CHAINS) + 1,
    time: new Date(Date.UTC(2026, 0, 1) + nth * 20_000).toISOString(),
    authorized: true,
    vkey: `example.com/service-${chain % 3}+0123abcd+AbcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR`,
  };
  const said = {
    ...event(nth),
    action: ACTIONS[nth % ACTIONS.length],
    target: { type: "cron_job", id: `${nth}` },
    ...(nth % 17 === 0 && { outcome: "failure", reason: "no\nroom" }),
    metadata: { note: "n".repeat(40), nth },
  };
  return `${JSON.stringify(place).slice(0, -1)},"event":${JSON.stringify(said)}}\n`;
}

/** Returns the processor time of some work, in milliseconds. */
function own(work) {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1000, result];
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

const builder = new SegmentBuilder(1);
const index = new EventIndex(2);
let [building, adding, bytes, sent] = [0, 0, 0, 0];
for (let begin = 0; begin < EVENTS; begin += IN_BATCH) {
  const lines = [];
  for (let nth = begin; nth < Math.min(EVENTS, begin + IN_BATCH); nth += 1) {
    lines.push(line(nth));
  }
  const batch = encoder.encode(lines.join(""));
  bytes += batch.length;
  building += own(() => builder.add(batch))[0];
  if (builder.full || begin + IN_BATCH >= EVENTS) {
    const [made, segment] = own(() => builder.finish());
    sent += segment.length;
    building += made;
    adding += own(() => index.addSegment(segment, 0))[0];
  }
}
const each = (milliseconds) => `${((milliseconds * 1000) / EVENTS).toFixed(2)} µs an event`;
console.log(`${EVENTS} events, ${megabytes(bytes)} of batches; made: ${each(building)}, added: ${each(adding)}`);
console.log(`segments ${megabytes(sent)}, index ${megabytes(index.bytes)}, memory ${megabytes(exports.memory.buffer.byteLength)}`);
for (const query of QUERIES) {
  index.ask(query, NOW, "place", false);
  const [searching] = own(() => {
    while (index.step(ROWS_A_STEP)) {}
  });
  const [serializing, found] = own(() => JSON.parse(index.found()));
  const rows = own(() => index.rows(0, 100, '["context.ip","metadata.nth"]'))[0];
  const wants = index.wants();
  console.log(
    `${query.padEnd(45)} ${String(found.events).padStart(8)} found: ${searching.toFixed(0).padStart(5)} ms, serialized ${serializing.toFixed(0).padStart(3)} ms, 100 rows ${rows.toFixed(1)} ms${wants ? ", reads bytes" : ""}`,
  );
}
console.log(`memory then ${megabytes(exports.memory.buffer.byteLength)}`);
