/** Tests an outbox that fails at any write, a process killed at any write, and the recorder that follows. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Destination, MemoryLog, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { full, Storage } from "./storage.ts";

const NAMES = ["a.one", "a.two", "b.one", "b.two", "b.three"] as const;

/** Records in batches with flushes after and between them. Stored events are added to `stored`. */
async function life(log: Destination, storage: Storage, stored: Set<string> = new Set()): Promise<void> {
  const recorder = await recorderOf(log, storage);
  const take = (names: readonly string[]) => {
    for (const [nth, handle] of record(recorder, ...names).entries()) {
      handle.stored().then(
        () => stored.add(names[nth] ?? ""),
        () => {},
      );
    }
  };
  take(NAMES.slice(0, 2));
  await Promise.resolve();
  const first = recorder.flush();
  take(NAMES.slice(2, 3));
  await first.catch(() => {});
  take(NAMES.slice(3));
  await recorder.flush().catch(() => {});
  await recorder.close().catch(() => {});
}

/** Number of changes in a scenario without failures. */
const WRITES = await (async () => {
  const storage = new Storage();
  await life(new MemoryLog(), storage);
  return storage.writes;
})();

test("the scenario makes several changes", () => {
  assert.ok(WRITES >= 5, `${WRITES}`);
});

for (let fails = 1; fails <= WRITES; fails++) {
  test(`outbox: delivers everything once if change ${fails} of ${WRITES} fails`, async () => {
    const log = new MemoryLog();
    const storage = new Storage();
    storage.at = (write, make) => (write === fails ? Promise.reject(full()) : make());
    await life(log, storage);
    const next = await recorderOf(log, storage);
    await next.close();
    assert.deepEqual(log.actions, NAMES);
    assert.equal(storage.kinds, "");
  });

  for (const isMade of [false, true]) {
    test(`outbox: delivers stored events once if killed at change ${fails}, ${isMade ? "made" : "not made"}`, async () => {
      const log = new MemoryLog();
      const storage = new Storage();
      const stored = new Set<string>();
      const { isDead, left } = storage.killedAt(fails, isMade);
      void life(log.until(isDead), storage, stored);
      const found = await left;
      const before = stored.size;
      const next = await recorderOf(log, found);
      await next.close();
      // A prefix of the events, once and in order, with at least all stored ones.
      assert.deepEqual(log.actions, NAMES.slice(0, log.actions.length));
      assert.ok(log.actions.length >= before, `${before} were stored`);
      assert.equal(found.kinds, "");
    });
  }
}

test("outbox: delivers events that it could not store", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  storage.at = () => Promise.reject(full());
  const reported: string[] = [];
  const recorder = await recorderOf(log, storage, {}, reported);
  const [handle] = record(recorder, "a.b");
  await assert.rejects(handle?.stored() ?? Promise.resolve(), { code: "outbox.full" });
  await recorder.flush();
  assert.equal((await handle?.delivered())?.seq, 1);
  assert.deepEqual(log.actions, ["a.b"]);
  assert.ok(reported.includes("outbox.full"));
});

for (const isStored of [false, true]) {
  test(`outbox: with little room, stores a chain without gaps, ${isStored ? "and delivers it" : "and no close link behind one"}`, async () => {
    const log = new MemoryLog();
    const storage = new Storage();
    const first = await recorderOf(log, storage);
    log.always = () => refusal(503, "server.unavailable");
    record(first, "a.one");
    await assert.rejects(first.flush());
    if (isStored) {
      await record(first, "a.two", "a.three").at(-1)?.stored();
    }
    storage.at = (_, make, { put }) => (put.some(({ bytes }) => bytes.length > 600) ? Promise.reject(full()) : make());
    if (!isStored) {
      record(first, `a.${"large".repeat(200)}`);
    }
    await assert.rejects(first.flush());
    record(first, "a.four");
    await assert.rejects(first.close());
    const left = new Storage();
    left.entries = [...storage.entries];
    log.always = undefined;
    const next = await recorderOf(log, left);
    await next.close();
    assert.deepEqual(log.actions, ["a.one", ...(isStored ? ["a.two", "a.three"] : []), "a.four"]);
    assert.equal(left.kinds, "");
  });
}

test("outbox: delivers its entries after earlier events that it had no room for", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  storage.at = (_, make, { put }) => (put.some(({ bytes }) => bytes.length > 600) ? Promise.reject(full()) : make());
  const recorder = await recorderOf(log, storage);
  const large = `a.${"large".repeat(200)}`;
  log.always = () => refusal(503, "server.unavailable");
  record(recorder, large);
  await assert.rejects(recorder.flush());
  await record(recorder, "a.two").at(-1)?.stored();
  await assert.rejects(recorder.flush());
  log.always = undefined;
  await recorder.close();
  assert.deepEqual(log.actions, [large, "a.two"]);
  assert.equal(storage.kinds, "");
});

test("outbox: removes delivered entries later if that failed", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const reported: string[] = [];
  const recorder = await recorderOf(log, storage, {}, reported);
  record(recorder, "a.one");
  // The batch is stored, and its removal fails.
  storage.at = (_, make) => (storage.kinds.includes("b") ? Promise.reject(full()) : make());
  await recorder.flush();
  assert.deepEqual([log.actions, storage.kinds, reported], [["a.one"], "b", ["outbox.full"]]);
  storage.at = (_, make) => make();
  record(recorder, "a.two");
  await recorder.flush();
  assert.deepEqual([log.actions, storage.kinds], [["a.one", "a.two"], ""]);
});

test("outbox: the next recorder delivers batches unchanged, and events in order", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const first = await recorderOf(log, storage);
  record(first, "a.one");
  log.always = () => refusal(503, "server.unavailable");
  await assert.rejects(first.flush());
  const chain = first.chain ?? "";
  record(first, "a.two", "a.three");
  await new Promise(setImmediate);
  assert.equal(storage.kinds, "bee");

  log.always = undefined;
  const next = await recorderOf(log, storage);
  record(next, "b.one");
  assert.equal(next.status().waiting, 3);
  await next.flush();
  assert.deepEqual(log.actions, ["a.one", "a.two", "a.three", "b.one"]);
  assert.deepEqual([...log.chains.keys()], [chain, next.chain]);
  assert.equal(storage.kinds, "");
});

test("outbox: a rejected chain blocks no other", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const first = await recorderOf(log, storage);
  record(first, "a.one");
  log.always = (body, pass) => (body.includes("a.one") ? refusal(403, "log.unauthorized") : pass());
  await assert.rejects(first.flush());
  const next = await recorderOf(log, storage);
  const [handle] = record(next, "b.one");
  await assert.rejects(next.flush(), { code: "log.unauthorized" });
  assert.deepEqual([log.actions, storage.kinds], [["b.one"], "b"]);
  assert.equal((await handle?.delivered())?.seq, 1);
  log.always = undefined;
  await next.flush();
  assert.deepEqual([log.actions, storage.kinds], [["b.one", "a.one"], ""]);
});

test("outbox: delivers entries of ended recorders", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const log = new MemoryLog();
  const theirs = new Storage();
  const other = await recorderOf(log, theirs);
  record(other, "a.one", "a.two");
  await new Promise(setImmediate);
  const storage = new Storage();
  storage.orphaned = theirs.entries.map(({ bytes }) => bytes);
  const recorder = await recorderOf(log, storage);
  record(recorder, "b.one");
  now = 60_000;
  await recorder.flush();
  assert.deepEqual([log.actions, storage.kinds], [["b.one", "a.one", "a.two"], ""]);
});
