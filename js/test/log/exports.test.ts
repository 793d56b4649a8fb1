/** Tests copies of an export's lines in R2. */

import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chain } from "../conformance/chain.ts";
import { readExport } from "../conformance/export.ts";
import { type Answer, ask } from "../conformance/http.ts";
import { PROGRAM, verify } from "../conformance/program.ts";
import { AUDITOR, DESK, EMITTERS, ORIGIN, SETUP } from "../conformance/setup.ts";
import { until } from "../eventually.ts";
import { type RunningLog, startLog } from "./start.ts";

const setup = { ...SETUP, worker: fileURLToPath(new URL("worker-of-copies.ts", import.meta.url)) };

let log: RunningLog;
before(async () => {
  log = await startLog(setup);
});
after(() => log.close());

/** Number of entries for one copy. */
const COPY_ENTRIES = 4_200;
const HOUR = 3_600_000;
const chain = Chain.begin(EMITTERS[0], ORIGIN, "exports");
let sent = 0;

async function grow(events = COPY_ENTRIES): Promise<void> {
  const answer = await ask(log.url, "/submit", { method: "POST", body: chain.events(events).body(sent) });
  assert.equal(answer.status, 200, answer.text);
  sent = chain.lines.length;
}

/** A copy in the object's storage. */
interface Copy {
  start: number;
  size: number;
  name: string;
  key: string;
  stored: number;
}

const tell = (order: string) => ask(log.url, `/test/${order}`);
const copies = async () => (await tell("copies")).json as unknown as Copy[];
const asked = async () => Number((await tell("asked")).text);
const bucket = () => log.worker.getR2Bucket("EXPORTS");
const place = ({ name }: Copy) => `${ORIGIN}/export/${name}`;
const keys = async () => (await (await bucket()).list()).objects.map(({ key }) => key).sort();
const stored = async (at: string) =>
  Buffer.from((await (await (await bucket()).get(at))?.arrayBuffer()) ?? assert.fail());
const headers = { authorization: `Bearer ${AUDITOR}` };
const whole = () => ask(log.url, "/export", { headers });
const erase = (...seqs: number[]) =>
  ask(log.url, "/erase", {
    method: "POST",
    headers: { authorization: `Bearer ${DESK}` },
    body: JSON.stringify({ events: seqs.map((seq) => `${chain.id}/${seq}`), reason: "case 1" }),
  });

/** Waits until there is no more work and this many copies; exactly the registered objects must be in R2. */
async function settled(count: number): Promise<Copy[]> {
  await until(
    "nothing is left to do",
    async () => {
      await tell("alarm");
      return (await tell("waits")).text === "null";
    },
    10_000,
  );
  const known = await copies();
  assert.deepEqual([known.length, known.every(({ stored }) => stored === 1)], [count, true]);
  assert.deepEqual(await keys(), known.map(place).sort());
  return known;
}

const linesOf = ({ body }: Answer) => body.toString().split("\n").slice(0, -1);
const isOf = (seq: number) => (line: string) => line.includes(`"n":${seq}}`);

/** Decrypts a sealed copy. */
function open({ key }: Copy, sealed: Buffer): string {
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "hex"), Buffer.alloc(12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString();
}

/** Asserts that the export is sent from this many copies, and equals the log's own. */
async function same(count: number): Promise<Answer> {
  const before = await asked();
  const copied = await whole();
  assert.equal((await asked()) - before, count);
  await tell("fail/get");
  const own = await whole();
  await tell("fail/");
  assert.deepEqual([copied.status, own.status], [200, 200]);
  const withoutDate = ({ headers: { date: _, ...others } }: Answer) => others;
  assert.deepEqual(withoutDate(copied), withoutDate(own));
  assert.ok(copied.body.equals(own.body), "both exports are equal");
  readExport(copied.text);
  return copied;
}

test("exports: copies produce the same export as the log alone", async () => {
  // One checkpoint per hour is kept, within copies and between them.
  for (let hour = 0; hour < 12; hour += 1) {
    await grow(hour * 7);
    await tell(`ahead/${HOUR}`);
  }
  for (let count = 1; count <= 3; count += 1) {
    await grow();
    await tell(`ahead/${HOUR}`);
    await settled(count);
  }
  await grow(100);
  const text = (await same(3)).text;
  const { entries, checkpoints } = readExport(text);
  assert.equal(entries.length, chain.lines.length);
  assert.ok(checkpoints.length > 14);
  if (PROGRAM !== undefined) {
    const { verdict } = (await verify(text)) as unknown as { verdict: string };
    assert.equal(verdict, "verified");
  }
});

test("exports: a copy has exactly its range of entries, sealed", async () => {
  const lines = linesOf(await whole()).slice(1);
  let at = 0;
  const known = await copies();
  for (const copy of known) {
    const sealed = await stored(place(copy));
    assert.ok(!sealed.includes("job.update"));
    const own = open(copy, sealed).split("\n").slice(0, -1);
    assert.deepEqual(own, lines.slice(at, at + own.length));
    at += own.length;
    assert.equal(own.filter((line) => !line.startsWith('{"checkpoint"')).length, copy.size - copy.start);
    assert.ok(lines[at]?.startsWith('{"checkpoint"'));
  }
  assert.equal(new Set(known.map(({ key }) => key)).size, known.length);
});

test("exports: truncated, altered, swapped, and missing copies are ignored and replaced", async () => {
  const [first = assert.fail(), second = assert.fail()] = await copies();
  const put = async (bytes: Buffer | null) =>
    bytes === null ? (await bucket()).delete(place(first)) : void (await (await bucket()).put(place(first), bytes));
  const good = await stored(place(first));
  const altered = Buffer.from(good);
  altered.writeUInt8(altered.readUInt8(1000) ^ 1, 1000);
  const text = (await whole()).text;
  for (const bad of [altered, good.subarray(0, -1), await stored(place(second)), Buffer.alloc(0), null]) {
    await settled(3);
    const [{ name } = assert.fail()] = await copies();
    Object.assign(first, { name });
    await put(bad);
    assert.equal((await whole()).text, text);
    assert.ok(!(await copies()).some((copy) => copy.name === name), "the copy is not requested again");
  }
  await settled(3);
  await same(3);
});

test("exports: a failing or hanging R2 neither cuts an export nor loses anything", async () => {
  for (const order of ["fail/get", "fail/body", "hold"]) {
    await tell(order);
    const [known, before] = [await copies(), await asked()];
    const { status, text } = await whole();
    assert.equal(status, 200);
    assert.equal(readExport(text).entries.length, chain.lines.length);
    assert.equal((await asked()) - before, 1, "no other copy is requested");
    assert.deepEqual(await copies(), known, "unreadable copies are kept");
  }
  await log.hears(/R2 does not respond/);
  await tell("go");
  await tell("fail/get,put,delete");
  await grow();
  await tell("alarm");
  await log.hears(/R2 fails: put/);
  assert.notEqual((await tell("waits")).text, "null");
  assert.equal(readExport((await whole()).text).entries.length, chain.lines.length);
  await tell("fail/put-late");
  await tell("alarm");
  await tell("fail/");
  await settled(4);
  await same(4);
});

test("exports: erased events are in no export, and their copies can't be decrypted", async () => {
  const known = await copies();
  const [, second = assert.fail()] = known;
  const sealed = await stored(place(second));
  assert.ok(open(second, sealed).split("\n").some(isOf(5_000)));
  await tell("fail/get,put,delete");
  const answer = await erase(5_000, 5_001);
  assert.deepEqual(answer.json, { erased: 2, without: 0, own: 0, held: 0 });
  const left = await copies();
  assert.deepEqual(
    left,
    known.filter(({ key }) => key !== second.key),
    "its key is gone, and no other is",
  );
  await tell("fail/");
  const { text } = await whole();
  assert.equal(readExport(text).entries.filter(({ withheld }) => withheld === "erased").length, 2);
  // A late write restores the object.
  await settled(4);
  await (await bucket()).put(place(second), sealed);
  await log.restart(setup);
  assert.equal(linesOf(await same(4)).filter(isOf(5_000)).length, 0);
  for (const copy of await copies()) {
    assert.ok(
      !open(copy, await stored(place(copy)))
        .split("\n")
        .some(isOf(5_000)),
    );
  }
  assert.deepEqual((await erase(5_000)).json, { erased: 0, without: 1, own: 0, held: 0 });
  await (await bucket()).delete(place(second));
});

test("exports: events erased while being stored are in no copy", async () => {
  await erase(100);
  await tell("hold");
  const storing = tell("alarm");
  await until("a copy is being stored", async () => (await copies()).some(({ stored }) => stored === 0));
  const [pending = assert.fail()] = (await copies()).filter(({ stored }) => stored === 0);
  assert.equal((await erase(101)).status, 200);
  await tell("go");
  await storing;
  assert.ok(!(await copies()).some(({ key, stored }) => key === pending.key || stored === 0));
  await settled(4);
  assert.equal(linesOf(await same(4)).filter((line) => isOf(100)(line) || isOf(101)(line)).length, 0);
});

test("exports: events erased while being read are not sent", async () => {
  const before = await asked();
  await tell("hold");
  const reading = whole();
  await until("the log is asked", async () => (await asked()) > before);
  assert.equal((await erase(200)).status, 200);
  await tell("go");
  const { text } = await reading;
  readExport(text);
  assert.ok(!text.includes('"n":200}'));
  await settled(4);
});

test("exports: an export continues without events that are erased meanwhile", async () => {
  const read = () => ask(log.url, "/test/read", { headers });
  // One event in the copy being sent, and one in a copy not read yet.
  for (const seq of [4_000, 16_000]) {
    await read();
    const { text } = await whole();
    assert.equal((await tell("rest")).text, text);
    const { entries } = readExport(text);
    await read();
    assert.equal((await erase(seq)).status, 200);
    const rest = (await tell("rest")).text;
    assert.ok(!rest.includes(`"n":${seq}}`));
    assert.deepEqual(
      readExport(rest).entries.map(({ link }) => link),
      entries.map(({ link }) => link),
    );
    await settled(4);
  }
});

test("exports: copies of a stopped object are deleted and stored again", async () => {
  await erase(300);
  await tell("hold");
  const storing = tell("alarm").catch(() => {});
  await until(
    "a fourth copy is being stored",
    async () => (await keys()).length === 4 && (await copies()).some(({ stored }) => stored === 0),
  );
  const [pending = assert.fail()] = (await copies()).filter(({ stored }) => stored === 0);
  await log.restart(setup);
  await storing;
  await settled(4);
  assert.ok(!(await keys()).includes(place(pending)));
  await same(4);
});

test("exports: limits the number of copies read at the same time", async () => {
  await tell("hold");
  const before = await asked();
  const readers = Array.from({ length: 3 }, whole);
  await until("the log is asked three times", async () => (await asked()) - before === 3);
  const { text } = await whole();
  assert.equal((await asked()) - before, 3, "the log generated it");
  await tell("go");
  for (const reader of readers) {
    assert.equal((await reader).text, text);
  }
  await same(4);
});

test("exports: partial exports come from the log, and unauthorized readers get nothing", async () => {
  const before = await asked();
  for (const query of ["from=1", "to=5000", "limit=3", "action=job.update"]) {
    assert.equal((await ask(log.url, `/export?${query}`, { headers })).status, 200);
  }
  (await ask(log.url, "/export")).refusal(401, "request.unauthenticated");
  await ask(log.url, "/export", { method: "HEAD", headers });
  assert.equal(await asked(), before);
  for (const key of await keys()) {
    (await ask(log.url, key.slice(ORIGIN.length), { headers })).refusal(404, "request.not_found");
  }
});

test("exports: works without its bucket, and finds its copies again afterwards", async () => {
  await log.restart({ ...setup, withoutBuckets: true });
  assert.equal((await erase(10)).status, 200);
  assert.equal((await copies()).length, 3);
  readExport((await whole()).text);
  await log.restart(setup);
  await settled(4);
  assert.equal(linesOf(await same(4)).filter(isOf(10)).length, 0);
});
