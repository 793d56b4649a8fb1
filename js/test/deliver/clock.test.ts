/** Clocks that were wrong, and a log that takes nothing of the future. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, MemoryLog, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { Storage } from "./storage.ts";

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 20, 12);

/** A log whose clock is right, and a recorder's that may not be. */
function clocks() {
  const clock = { log: NOON, recorder: NOON };
  const log = new MemoryLog();
  log.always = (body, pass) => {
    const times = linesOf(body).map(({ link }) => Date.parse(/ (\d{4}-\S+Z) /.exec(link)?.[1] ?? ""));
    return Math.max(...times) > clock.log + 5 * MINUTE ? refusal(429, "submit.early") : pass();
  };
  return { clock, log, now: () => clock.recorder };
}

test("what was recorded ahead of time waits, and holds up nothing that came after", async () => {
  const { clock, log, now } = clocks();
  const recorder = await recorderOf(log, new Storage(), { now });
  record(recorder, "a.right");
  await recorder.flush();
  clock.recorder = NOON + 600 * MINUTE;
  record(recorder, "a.ahead");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  clock.recorder = NOON + MINUTE;
  const [handle] = record(recorder, "b.right");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.equal((await handle?.delivered())?.seq, 1);
  assert.deepEqual(log.actions, ["a.right", "b.right"]);
  record(recorder, "b.next");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.deepEqual(log.actions, ["a.right", "b.right", "b.next"]);
  clock.log = NOON + 600 * MINUTE;
  await recorder.close();
  assert.deepEqual(log.actions, ["a.right", "b.right", "b.next", "a.ahead"]);
});

test("nor does it where an outbox brought it from an earlier recorder", async () => {
  const { clock, log, now } = clocks();
  const storage = new Storage();
  const first = await recorderOf(log, storage, { now });
  clock.recorder = NOON + 600 * MINUTE;
  await record(first, "a.ahead")[0]?.stored();
  assert.equal(storage.kinds, "e");
  clock.recorder = NOON + MINUTE;
  const next = await recorderOf(log, storage, { now });
  record(next, "b.right");
  await assert.rejects(next.flush(), { code: "clock.ahead" });
  assert.deepEqual(log.actions, ["b.right"]);
  clock.log = NOON + 600 * MINUTE;
  await next.close();
  assert.deepEqual(log.actions, ["b.right", "a.ahead"]);
  assert.equal(storage.kinds, "");
});

test("a clock that goes back a little leaves the chain one", async () => {
  const { clock, log, now } = clocks();
  const recorder = await recorderOf(log, undefined, { now });
  for (const [action, minutes] of [
    ["a.one", 3],
    ["a.two", 0],
    ["a.three", 4],
    ["a.four", 0],
  ] as const) {
    clock.recorder = NOON + minutes * MINUTE;
    record(recorder, action);
    await recorder.flush();
  }
  assert.deepEqual(log.actions, ["a.one", "a.two", "a.three", "a.four"]);
  assert.equal(log.chains.size, 1);
});
