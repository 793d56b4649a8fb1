/** Tests entries of other tabs in a tab that records nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { record, recorderOf } from "../deliver/recorder.ts";
import { full, Storage } from "../deliver/storage.ts";
import { until } from "../eventually.ts";
import { inLife } from "./life.ts";

/** Returns the entries of a crashed tab: an event, or an undelivered batch. */
async function left(action: string, isLinked: boolean): Promise<Uint8Array[]> {
  const storage = new Storage();
  const log = new MemoryLog();
  log.always = () => new Response("", { status: 503 });
  const recorder = await recorderOf(log, storage);
  await record(recorder, action)[0]?.stored();
  if (isLinked) {
    await assert.rejects(recorder.flush());
  }
  assert.equal(storage.kinds, isLinked ? "b" : "e");
  return storage.entries.map(({ bytes }) => bytes);
}

for (const isLinked of [false, true]) {
  test(`orphans: an idle tab delivers ${isLinked ? "a batch" : "an event"} of a crashed tab`, async (t) => {
    const crashed = [await left("a.one", isLinked), await left("a.two", isLinked)];
    t.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
    const log = new MemoryLog();
    const storage = new Storage();
    const { createRecorder, notify } = inLife();
    const recorder = await createRecorder({
      key: EMITTER.secret,
      to: log.to,
      log: log.vkey,
      outbox: storage.outbox(),
    }).ready();
    const delivered = (count: number) =>
      until(`the log has ${count} events`, async () => {
        if (log.actions.length >= count) {
          return true;
        }
        await new Promise(setImmediate);
        t.mock.timers.tick(1_000);
        return false;
      });
    storage.orphaned = crashed[0] ?? [];
    t.mock.timers.tick(15_000);
    await delivered(1);
    storage.orphaned = crashed[1] ?? [];
    notify("shown");
    await delivered(2);
    assert.deepEqual(log.actions, ["a.one", "a.two"]);
    await recorder.close();
    assert.equal(storage.kinds, "");
    storage.orphaned = [new Uint8Array([1])];
    t.mock.timers.tick(60_000);
    await new Promise(setImmediate);
    assert.equal(storage.orphaned.length, 1);
  });
}

test("orphans: a recorder without automatic flushes or orphans doesn't check", async (t) => {
  const begun = t.mock.method(globalThis, "setInterval");
  const log = new MemoryLog();
  await recorderOf(log, new Storage());
  await recorderOf(log, undefined, { autoFlush: {} });
  assert.equal(begun.mock.callCount(), 0);
});

test("orphans: a failed check is reported", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const reported: string[] = [];
  const storage = new Storage();
  const outbox = { ...storage.outbox(), orphans: () => Promise.reject(full()) };
  Object.assign(storage, { outbox: () => outbox });
  const recorder = await recorderOf(new MemoryLog(), storage, { autoFlush: {} }, reported);
  t.mock.timers.tick(15_000);
  await new Promise(setImmediate);
  assert.deepEqual(reported, ["outbox.full"]);
  assert.equal(recorder.status().lastError?.code, "outbox.full");
});
