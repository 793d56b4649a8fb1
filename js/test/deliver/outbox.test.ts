/** An outbox that fails at any write, a process that is killed at any write, and what the next one finds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryLog, type Reached, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { full, Storage } from "./storage.ts";

const NAMES = ["a.one", "a.two", "b.one", "b.two", "b.three"] as const;

/** Records in portions, and flushes after each and between. What was stored goes to `stored`. */
async function life(log: Reached, storage: Storage, stored: Set<string> = new Set()): Promise<void> {
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

/** How many changes a life makes when nothing fails. */
const WRITES = await (async () => {
  const storage = new Storage();
  await life(new MemoryLog(), storage);
  return storage.writes;
})();

test("a life makes several changes", () => {
  assert.ok(WRITES >= 5, `${WRITES}`);
});

for (let fails = 1; fails <= WRITES; fails++) {
  test(`change ${fails} of ${WRITES} fails: everything comes once`, async () => {
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
    test(`killed at change ${fails}, which was ${isMade ? "" : "not "}made: what was stored comes once`, async () => {
      const log = new MemoryLog();
      const storage = new Storage();
      const stored = new Set<string>();
      const { isDead, left } = storage.killedAt(fails, isMade);
      void life(log.until(isDead), storage, stored);
      const found = await left;
      const before = stored.size;
      const next = await recorderOf(log, found);
      await next.close();
      // The first so many, once and in order, and among them all that were stored.
      assert.deepEqual(log.actions, NAMES.slice(0, log.actions.length));
      assert.ok(log.actions.length >= before, `${before} were stored`);
      assert.equal(found.kinds, "");
    });
  }
}

test("an outbox that takes nothing any more: what it never had is delivered all the same", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  storage.at = () => Promise.reject(full());
  const told: string[] = [];
  const recorder = await recorderOf(log, storage, {}, told);
  const [handle] = record(recorder, "a.b");
  await assert.rejects(handle?.stored() ?? Promise.resolve(), { code: "outbox.full" });
  await recorder.flush();
  assert.equal((await handle?.delivered())?.seq, 1);
  assert.deepEqual(log.actions, ["a.b"]);
  assert.ok(told.includes("outbox.full"));
});

for (const isStored of [false, true]) {
  test(`room for little: a chain has no gap in the outbox, ${isStored ? "and what was stored comes" : "nor a close link behind one"}`, async () => {
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

test("an outbox without room for what came first: what it has is delivered after that", async () => {
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

test("what was delivered and could not be removed is removed later", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const told: string[] = [];
  const recorder = await recorderOf(log, storage, {}, told);
  record(recorder, "a.one");
  // The batch is kept, and then is to be removed.
  storage.at = (_, make) => (storage.kinds.includes("b") ? Promise.reject(full()) : make());
  await recorder.flush();
  assert.deepEqual([log.actions, storage.kinds, told], [["a.one"], "b", ["outbox.full"]]);
  storage.at = (_, make) => make();
  record(recorder, "a.two");
  await recorder.flush();
  assert.deepEqual([log.actions, storage.kinds], [["a.one", "a.two"], ""]);
});

test("the next recorder delivers batches as they are and events anew, in order", async () => {
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

test("a chain that is refused holds up no other of the outbox", async () => {
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

test("what others left behind goes too", async (t) => {
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
