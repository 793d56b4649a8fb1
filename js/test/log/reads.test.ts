/** Tests that reads of a Durable Object's log are recorded on its own chain. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chain } from "../conformance/chain.ts";
import { readExport, shown } from "../conformance/export.ts";
import { ask, send } from "../conformance/http.ts";
import { hash } from "../conformance/keys.ts";
import { verify } from "../conformance/program.ts";
import { AUDITOR, EMITTERS, GUEST, LOG, ORIGIN, SETUP } from "../conformance/setup.ts";
import { type RunningLog, startLog } from "./start.ts";

const MINUTE = 60_000;
const chain = Chain.begin(EMITTERS[0], ORIGIN, "reads");
let log: RunningLog;
before(async () => {
  log = await startLog({ ...SETUP, worker: fileURLToPath(new URL("worker-of-later.ts", import.meta.url)) });
  const answer = await ask(log.url, "/submit", { method: "POST", body: chain.events(5_000).body() });
  assert.equal(answer.status, 200, answer.text);
});
after(() => log.close());

const read = (path: string, token: string) => ask(log.url, path, { headers: { authorization: `Bearer ${token}` } });
const later = (milliseconds: number) => ask(log.url, `/later/${milliseconds}`);
const records = (text: string) =>
  shown(readExport(text)).flatMap(({ event }) => (event?.action === "log.export" ? [event] : []));

/** Reads in a record, by endpoint. */
interface Reads {
  since: string;
  until: string;
  reads: { way: string; filter?: object; begun: number; ended: number; events: number; bytes: number }[];
}

test("reads: are recorded once a minute, across restarts of the object", async () => {
  const found = await read("/export?actor=u_3&limit=2", AUDITOR);
  await read("/export?actor=u_3&limit=2", AUDITOR);
  const proof = await read(`/proof/${chain.id}/7`, GUEST);
  assert.equal((await read("/export?actor=", AUDITOR)).status, 400);
  const stream = await send(log.url, "/stream", { headers: { authorization: `Bearer ${GUEST}` } });
  await new Promise((resolve) => stream.once("data", resolve));
  // The object is lost, except for its storage.
  await ask(log.url, "/rest").catch(() => {});
  stream.destroy();
  assert.equal((await ask(log.url, "/checkpoint")).status, 200);
  const whole = await read("/export", AUDITOR);
  assert.deepEqual(records(whole.text), []);
  await later(2 * MINUTE);
  const text = (await read("/export", AUDITOR)).text;
  const [ofAuditor, ofGuest, ...others] = records(text);
  assert.deepEqual(others, []);
  assert.ok(ofAuditor !== undefined && ofGuest !== undefined);
  const { reads } = ofAuditor.metadata as unknown as Reads;
  const filter = { actor: "u_3", limit: "2" };
  assert.deepEqual(reads, [
    { way: "export", filter, begun: 2, ended: 2, events: 4, bytes: 2 * found.body.length },
    { way: "export", begun: 1, ended: 1, events: 5_000, bytes: whole.body.length },
  ]);
  assert.deepEqual(ofAuditor.actor, { type: "user", id: "auditor", credential: credential(AUDITOR) });
  const guests = ofGuest.metadata as unknown as Reads;
  assert.deepEqual(guests.reads, [
    { way: "proof", filter: { event: `${chain.id}/7` }, begun: 1, ended: 1, events: 1, bytes: proof.body.length },
    // The stream was cut off with the object, which could not record its end.
    { way: "stream", begun: 1, ended: 0, events: 0, bytes: 0 },
  ]);
  assert.ok(Date.parse(guests.until) - Date.parse(guests.since) >= MINUTE);
  const report = await verify(text, [], `${SETUP.trust}emitter ${LOG.vkey}\n`);
  assert.equal(report.verdict, "verified");
});

test("reads: include those from copies", async () => {
  await later(4 * MINUTE);
  const before = records((await read("/export", GUEST)).text).length;
  const stored = await log.worker.getR2Bucket("EXPORTS");
  assert.ok((await stored.list()).objects.length > 0, "there is a copy by now");
  const whole = await read("/export", AUDITOR);
  await later(6 * MINUTE);
  const recorded = records((await read("/export", AUDITOR)).text).slice(before);
  const last = recorded.find(({ actor }) => (actor as { id: string }).id === "auditor")?.metadata as unknown as Reads;
  const of = last.reads.find(({ filter }) => filter === undefined);
  const events = shown(readExport(whole.text)).length;
  assert.deepEqual([of?.bytes, of?.events], [whole.body.length, events]);
});

function credential(token: string): string {
  return hash(token).toString("hex").slice(0, 16);
}
