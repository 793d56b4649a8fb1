/** Tests that an event with an `id` is recorded once, although it is passed to `record` again. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Receipt } from "countersign";
import { fileOutbox } from "countersign/node";
import { EventIds, MAX_DELIVERED_IDS } from "../../packages/countersign/dist/outbox/event-ids.js";
import { PendingEvent } from "../../packages/countersign/dist/record/handle.js";
import { EMITTER, linesOf, MemoryLog } from "./log.ts";
import { createRecorder, type Recorder, recorderOf } from "./recorder.ts";
import { full, Storage } from "./storage.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-ids-"));
after(() => rmSync(folder, { recursive: true }));

const message = (nth: number) => ({ id: `m_${nth}`, action: `job.run${nth}` });
const isUnique = (actions: readonly string[]) => new Set(actions).size === actions.length;

/** Records these messages as a queue's consumer does. */
const consume = (recorder: Recorder, ...messages: number[]) => messages.map((nth) => recorder.record(message(nth)));

test("the same ID and action is one event, before and after its delivery", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const [first, again] = consume(recorder, 1, 1);
  assert.equal(again, first);
  await recorder.flush();
  const receipt = await first?.delivered();
  const [later] = consume(recorder, 1);
  await later?.stored();
  assert.deepEqual(await later?.delivered(), {
    chain: receipt?.chain,
    seq: receipt?.seq,
    links: [],
    index: null,
    proof: null,
  });
  await recorder.close();
  assert.deepEqual(log.actions, ["job.run1"]);
  assert.equal(recorder.status().repeated, 2);
});

test("another action, another tenant's log, or no ID is another event", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  recorder.record({ id: "m", action: "a.b" });
  recorder.record({ id: "m", action: "a.c" });
  recorder.record({ action: "a.b" });
  recorder.record({ action: "a.b" });
  recorder.recordJson('{"action":"a.b","id":"m"}');
  recorder.recordJson('{"action":"a.b","metadata":{"event_id":"m"}}');
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b", "a.c", "a.b", "a.b", "a.b"]);
});

test("an event that is lost can be recorded again", async () => {
  const log = new MemoryLog();
  const fork = () => Response.json({ error: { code: "log.fork", message: "no" } }, { status: 409 });
  const recorder = await recorderOf(log);
  log.meets(fork, fork, fork);
  const [first] = consume(recorder, 1);
  for (let tries = 0; tries < 3; tries++) {
    await assert.rejects(recorder.flush(), { code: "log.fork" });
  }
  await assert.rejects(first?.delivered() ?? Promise.resolve(), { code: "log.fork" });
  const [second] = consume(recorder, 1);
  assert.notEqual(second, first);
  await recorder.flush();
  assert.equal(log.actions.filter((action) => action === "job.run1").length, 1);
});

for (const isLinked of [false, true]) {
  test(`an event that could not be stored is stored when it is recorded again, ${isLinked ? "with" : "without"} a link`, async () => {
    const log = new MemoryLog();
    const storage = new Storage();
    let isFull = true;
    storage.at = (_, make) => (isFull ? Promise.reject(full()) : make());
    const recorder = await recorderOf(log, storage);
    const [first] = consume(recorder, 1);
    await assert.rejects(first?.stored() ?? Promise.resolve(), { code: "outbox.full" });
    log.always = isLinked ? () => new Response(null, { status: 503 }) : undefined;
    if (isLinked) {
      await assert.rejects(recorder.flush());
    }
    // A failure of the second attempt is reported too.
    const [second] = consume(recorder, 1);
    await assert.rejects(second?.stored() ?? Promise.resolve(), { code: "outbox.full" });
    isFull = false;
    const again = consume(recorder, 1, 1);
    await Promise.all(again.map((handle) => handle.stored()));
    assert.equal(storage.kinds, isLinked ? "b" : "e");
    const [later] = consume(recorder, 1);
    await later?.stored();
    await assert.rejects(first?.stored() ?? Promise.resolve(), { code: "outbox.full" });
    log.always = undefined;
    await recorder.flush();
    for (const handle of [first, second, later, ...again]) {
      await handle?.delivered();
    }
    await recorder.close();
    assert.deepEqual(log.actions, ["job.run1"]);
    // Nothing is left that would be recorded twice.
    const next = await recorderOf(log, storage.left());
    await next.close();
    assert.deepEqual(log.actions, ["job.run1"]);
  });
}

test("a kill at any change of the outbox, and a retry of all messages, gives each event once", async () => {
  let kills = 0;
  for (let kill = 1, isOver = false; !isOver; kill++) {
    for (const isMade of [false, true]) {
      const log = new MemoryLog();
      const storage = new Storage();
      const { isDead, left } = storage.killedAt(kill, isMade);
      const first = await recorderOf(log.until(isDead), storage);
      const work = async () => {
        consume(first, 1, 2);
        await first.flush();
        consume(first, 2, 3);
        await first.flush();
        return "ended";
      };
      const next = await Promise.race([left, work().catch(() => new Promise<never>(() => {}))]);
      if (next === "ended") {
        isOver = true;
        break;
      }
      kills++;
      const second = await recorderOf(log, next as Storage);
      const handles = consume(second, 1, 2, 3);
      await second.flush();
      for (const handle of handles) {
        await handle.delivered();
      }
      await second.close();
      const third = await recorderOf(log, (next as Storage).left());
      consume(third, 1, 2, 3);
      await third.close();
      assert.deepEqual([...log.actions].sort(), ["job.run1", "job.run2", "job.run3"], `kill ${kill}, ${isMade}`);
    }
  }
  assert.ok(kills > 4, `${kills} kills`);
});

test("an ID that is redacted is rejected, or the event is recorded without it", async () => {
  const log = new MemoryLog();
  const event = { id: "Bearer abcdefghijklmnop123456", action: "job.run" };
  const strict = await recorderOf(log, new Storage(), { onInvalid: "throw" });
  assert.throws(() => strict.record(event), { code: "event.invalid", member: "metadata.event_id" });
  await strict.close();
  assert.deepEqual(log.actions, []);
  const storage = new Storage();
  const told: string[] = [];
  const lenient = await recorderOf(log, storage, { onInvalid: "report" }, told);
  lenient.record(event);
  lenient.record(event);
  await lenient.flush();
  assert.deepEqual(told, ["event.invalid", "event.invalid"]);
  assert.equal(lenient.status().repeated, 0);
  await lenient.close();
  const recorded = log.bodies.flatMap((body) => linesOf(body).flatMap((line) => line.event ?? []));
  assert.equal(recorded.length, 2);
  for (const { metadata } of recorded as unknown as { metadata: { [name: string]: unknown } }[]) {
    assert.equal(metadata.event_id, undefined);
    assert.equal((metadata.countersign_problems as { field: string }[])[0]?.field, "metadata.event_id");
  }
  // An exempt ID identifies the event, also after a restart.
  const keeping = { onInvalid: "throw", redact: { keep: ["event_id"] } } as const;
  const kept = await recorderOf(log, storage, keeping);
  kept.record({ ...event, action: "job.stop" });
  await kept.close();
  const next = await recorderOf(log, storage.left(), keeping);
  next.record({ ...event, action: "job.stop" });
  await next.close();
  assert.equal(log.actions.filter((action) => action === "job.stop").length, 1);
});

test("a redacted ID in JSON text does not identify the event", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, new Storage());
  for (let nth = 0; nth < 2; nth++) {
    recorder.recordJson('{"action":"a.b","metadata":{"event_id":"Bearer abcdefghijklmnop123456"}}');
  }
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b", "a.b"]);
  assert.equal(recorder.status().repeated, 0);
});

test("many events with different secrets and IDs are each known", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, new Storage());
  for (let nth = 0; nth < 1_200; nth++) {
    const event = { ...message(nth % 600), metadata: { password: "secret" } };
    recorder.record(event);
  }
  await recorder.close();
  assert.equal(log.actions.length, 600);
});

test("delivered events do not stay among the undelivered ones", () => {
  const ids = new EventIds();
  const delivered = new PendingEvent(1, () => {});
  // An internal method, without a type.
  (delivered as unknown as { deliver(receipt: () => Receipt): void }).deliver(() => assert.fail("not read"));
  ids.add("delivered", delivered);
  for (let nth = 0; nth < 1_024; nth++) {
    ids.add(`${nth}`, new PendingEvent(nth, () => {}));
  }
  assert.equal(ids.find("delivered"), undefined);
  assert.ok(ids.find("0"));
});

test("the IDs in an outbox have a limit, and few entries", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  const count = MAX_DELIVERED_IDS + 500;
  for (let nth = 0; nth < count; ) {
    for (const end = nth + 100; nth < end; nth++) {
      consume(recorder, nth);
    }
    await recorder.flush();
    assert.ok(storage.entries.length <= 65, `${storage.entries.length} entries`);
  }
  await recorder.close();
  assert.equal(log.actions.length, count);
  const next = await recorderOf(log, storage.left());
  // The newest are known, and the oldest are not.
  consume(next, count - 1, count - MAX_DELIVERED_IDS, 0);
  await next.close();
  assert.deepEqual(log.actions.slice(count), ["job.run0"]);
});

test("an entry with IDs that was changed is reported, and everything else is delivered", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  consume(recorder, 1);
  await recorder.flush();
  consume(recorder, 2);
  await new Promise((resolve) => setTimeout(resolve));
  const left = storage.left();
  left.entries = left.entries.map(({ id, bytes }) =>
    bytes[0] === 0x69 ? { id, bytes: new TextEncoder().encode("i[1]") } : { id, bytes },
  );
  const told: string[] = [];
  const next = await recorderOf(log, left, {}, told);
  consume(next, 2);
  await next.close();
  assert.deepEqual(told, ["outbox.damaged"]);
  assert.deepEqual(log.actions, ["job.run1", "job.run2"]);
});

test("a file outbox remembers IDs across restarts", async () => {
  const log = new MemoryLog();
  const path = join(folder, "audit.outbox");
  for (let restart = 0; restart < 3; restart++) {
    const recorder = createRecorder({
      key: EMITTER.secret,
      to: log.to,
      log: log.vkey,
      outbox: fileOutbox(path),
      autoFlush: false,
    });
    consume(recorder, 1, 2, restart + 3);
    await recorder.close();
  }
  assert.ok(isUnique(log.actions));
  assert.equal(log.actions.length, 5);
});
