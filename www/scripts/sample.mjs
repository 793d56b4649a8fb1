// Records the sample: `node sample.mjs OUT_DIR` writes an export, the trust file and the pin that go with it, and the
// same export with one event changed. Keys, salts, and times are fixed, so that the page with the sample is the same
// wherever it is built. Signatures with these keys prove nothing.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { memory } from "countersign";
import { artifact, lifecycle, readKey } from "../../js/packages/countersign/dist/artifact/recorder.node.js";
import { recording } from "../../js/packages/countersign/dist/record/create.js";
import { key } from "./sample-key.mjs";
import { sealed } from "./sample-log.mjs";

const ORIGIN = "log.example/acme";
const BEGIN = Date.parse("2026-11-02T06:00:00.000Z");
const MINUTE = 60_000;

const ada = { type: "user", id: "u_ada", name: "Ada Okafor" };
const lin = { type: "user", id: "u_lin", name: "Lin Zhao" };
const bot = { type: "service", id: "svc_scheduler" };
const office = { ip: "198.51.100.24", geo: { country: "NL" } };
const elsewhere = { ip: "203.0.113.77", geo: { country: "BR" } };
const job = (number) => ({ type: "cron_job", id: `job_${number}`, name: JOBS[number % JOBS.length] });
const JOBS = ["nightly-backup", "invoice-run", "search-reindex", "certificate-check", "report-mail"];

/** Actions of people in the dashboard: minutes after the start, and the event. */
const DASHBOARD = [
  [0, { action: "session.login", actor: ada, outcome: "success", context: office }],
  [
    2,
    { action: "job.create", actor: ada, target: job(6), after: { schedule: "0 4 * * *" }, context: office },
  ],
  [3, { action: "job.update", actor: ada, target: job(1), before: { retries: 1 }, after: { retries: 3 } }],
  [
    9,
    {
      action: "credential.rotate",
      actor: ada,
      target: { type: "credential", id: "cred_17", name: "mail relay" },
    },
  ],
  [
    14,
    { action: "session.login", actor: lin, outcome: "failure", reason: "wrong password", context: elsewhere },
  ],
  [
    14.4,
    { action: "session.login", actor: lin, outcome: "failure", reason: "wrong password", context: elsewhere },
  ],
  [15, { action: "session.login", actor: lin, outcome: "success", context: office }],
  [16, { action: "session.mfa", actor: lin, outcome: "success", context: office }],
  [
    21,
    {
      action: "role.grant",
      actor: ada,
      target: { type: "user", id: "u_lin", name: "Lin Zhao" },
      after: { role: "operator" },
    },
  ],
  [
    24,
    {
      action: "job.trigger",
      actor: lin,
      target: job(2),
      metadata: { note: "Ad-hoc, for the café’s new menu – été" },
    },
  ],
  [
    31,
    {
      action: "config.update",
      actor: lin,
      target: { type: "setting", id: "retention" },
      before: { days: 90 },
      after: { days: 365 },
    },
  ],
  [44, { action: "job.delete", actor: lin, target: job(6) }],
  [
    52,
    {
      action: "data.export",
      actor: ada,
      target: { type: "report", id: "rep_2026_10" },
      metadata: { rows: 48213 },
    },
  ],
  [58, { action: "session.logout", actor: lin, context: office }],
  [
    61,
    { action: "key.revoke", actor: ada, target: { type: "api_key", id: "key_9", name: "old build server" } },
  ],
  [66, { action: "log.export", actor: ada, outcome: "success" }],
  [67, { action: "session.logout", actor: ada, context: office }],
];

/** Actions of the scheduler: a job every minute and a half. */
const SCHEDULER = Array.from({ length: 44 }, (_, run) => [
  run * 1.5,
  {
    action: "job.trigger",
    actor: bot,
    target: job(run),
    outcome: run % 17 === 9 ? "failure" : "success",
    ...(run % 17 === 9 && { reason: "exit status 1" }),
    metadata: { run: 10_400 + run, took_ms: 180 + ((run * 977) % 2400) },
  },
]);

/** Minutes after which the log signs its first checkpoint, which is the pin, and its last one. */
const CHECKPOINTS = [33, 70];
/** Action of the event that is withheld. */
const WITHHELD = "data.export";

/**
 * Records a log of two closed chains with an event withheld, an earlier checkpoint of it as a pin, and the trust file
 * that names the log, its witnesses, and the emitters.
 */
export async function recordSample() {
  const chains = [await recorded("dashboard", DASHBOARD), await recorded("scheduler", SCHEDULER)];
  const lines = chains
    .flatMap(({ lines }) => withoutHeader(lines).trimEnd().split("\n"))
    .map((line) => ({ line, time: timeOf(line) }))
    .sort((one, other) => one.time - other.time);
  const checkpoints = CHECKPOINTS.map((minutes) => {
    const time = BEGIN + minutes * MINUTE;
    return { time, size: lines.filter((line) => line.time <= time).length };
  });
  const log = sealed(
    ORIGIN,
    lines.map(({ line }) => line),
    checkpoints,
    WITHHELD,
  );
  const trust = [
    "# The log of the sample, its witnesses, and who may sign its events. With real data, get such a file from someone",
    "# you trust, by another way than the export.",
    ...log.trust,
    ...chains.map(({ vkey }) => `emitter ${vkey}`),
  ];
  return { exported: log.exported, pin: log.pin, trust: `${trust.join("\n")}\n` };
}

/** Returns the time of a line's link, in milliseconds since 1970. */
function timeOf(line) {
  const { link } = JSON.parse(line);
  return Date.parse(link.split(" ").find((word) => /^\d{4}-\d\d-\d\dT/.test(word)));
}

/** Records a closed chain of events, each with its minutes after the start. */
export async function recorded(name, events) {
  const { vkey, signer } = key(`example.com/${name}`);
  let now = BEGIN;
  const to = memory();
  const { createRecorder } = recording(artifact, lifecycle, {
    readKey,
    now: () => now,
    random: randomly(name),
  });
  const recorder = createRecorder({ key: signer, origin: ORIGIN, to });
  for (const [minutes, event] of events) {
    now = BEGIN + minutes * MINUTE;
    recorder.record(event);
    if (recorder.queued === 8) await recorder.flush();
  }
  await recorder.close();
  return { vkey, lines: to.text() };
}

/** Returns pseudorandom bytes that are the same at every build. */
function randomly(name) {
  let drawn = 0;
  return (bytes) => {
    drawn += 1;
    bytes.set(
      createHash("sha256").update(`countersign sample ${name} ${drawn}`).digest().subarray(0, bytes.length),
    );
  };
}

/** Returns the lines of an export without its header, to append them to another one. */
export function withoutHeader(lines) {
  return lines.slice(lines.indexOf("\n") + 1);
}

async function main(folder) {
  const { exported, pin, trust } = await recordSample();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "sample.countersign.ndjson"), exported);
  await writeFile(
    join(folder, "sample-altered.countersign.ndjson"),
    exported.replace('"days":365', '"days":30'),
  );
  await writeFile(join(folder, "sample-trust.txt"), trust);
  await writeFile(join(folder, "sample.pin.txt"), pin);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: node sample.mjs OUT_DIR");
    process.exit(2);
  }
  await main(folder);
}
