/** An export like those of a small dashboard: who did what to which job, over two days. */

import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { type AuditEvent, memory } from "countersign";
import { creating } from "../deliver/recorder.ts";

const ORIGIN = "log.example/acme";
const BEGIN = Date.parse("2026-11-02T06:00:00.000Z");
const MINUTE = 60_000;

const PEOPLE = [
  { id: "u_ada", name: "Ada Okafor" },
  { id: "u_lin", name: "Lin Zhao" },
  { id: "u_sam", name: "Sam de Vries" },
] as const;
const ACTIONS = ["job.trigger", "job.update", "job.delete", "session.login", "role.grant", "data.export"] as const;
const JOBS = ["nightly-backup", "invoice-run", "search-reindex", "certificate-check", "report-mail"] as const;

/** Returns a pseudorandom number that depends only on the text. */
function draw(text: string, below: number): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) % below;
}

function eventAt(number: number): AuditEvent {
  const action = ACTIONS[draw(`action ${number}`, ACTIONS.length)] ?? ACTIONS[0];
  const job = draw(`job ${number}`, JOBS.length);
  const fails = draw(`outcome ${number}`, 7) === 0;
  return {
    action,
    actor: { type: "user", ...(PEOPLE[draw(`actor ${number}`, PEOPLE.length)] ?? PEOPLE[0]) },
    target: { type: "cron_job", id: `job_${job}`, name: JOBS[job] },
    outcome: fails ? "failure" : draw(`known ${number}`, 11) === 0 ? "unknown" : "success",
    ...(fails && { reason: "exit status 1" }),
    ...(action === "job.update" && {
      before: { retries: 1, schedule: "0 4 * * *" },
      after: { retries: 3, schedule: "0 5 * * *" },
    }),
    context: { ip: `198.51.100.${draw(`ip ${number}`, 40)}` },
    tenant: draw(`tenant ${number}`, 3) === 0 ? "acme-labs" : "acme",
  };
}

/** Returns a key derived from its name. */
function key(name: string): { vkey: string; signer: string } {
  const seed = createHash("sha256").update(`key of ${name}`).digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const spki = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({
    format: "der",
    type: "spki",
  });
  const open = Buffer.concat([Buffer.of(1), spki.subarray(-32)]);
  const id = createHash("sha256").update(`${name}\n`).update(open).digest("hex").slice(0, 8);
  const closed = Buffer.concat([Buffer.of(1), seed]).toString("base64");
  return { vkey: `${name}+${id}+${open.toString("base64")}`, signer: `PRIVATE+KEY+${name}+${id}+${closed}` };
}

async function recorded(name: string, events: number): Promise<{ vkey: string; text: string }> {
  const { vkey, signer } = key(`example.com/${name}`);
  const to = memory();
  let now = BEGIN;
  const recorder = await creating({ now: () => now })({ key: signer, origin: ORIGIN, to }).ready();
  for (let number = 0; number < events; number += 1) {
    now = BEGIN + Math.floor((number * 2 * 24 * 60 * MINUTE) / events) + draw(`minute ${name} ${number}`, 4 * MINUTE);
    recorder.record(eventAt(number + name.length * 1000));
    if (number % 50 === 49) {
      await recorder.flush();
    }
  }
  await recorder.close();
  return { vkey, text: to.text() };
}

/** Returns an export without a log, and the trust file that makes it `verified`. */
export async function sampleOf(events: number): Promise<{ text: string; trust: string; altered: string }> {
  const half = Math.floor(events / 2);
  const [first, second] = [await recorded("dashboard", half), await recorded("scheduler", events - half)];
  const text = first.text + second.text.slice(second.text.indexOf("\n") + 1);
  return {
    text,
    trust: `emitter ${first.vkey}\nemitter ${second.vkey}\n`,
    altered: text.replace('"retries":3', '"retries":9'),
  };
}
