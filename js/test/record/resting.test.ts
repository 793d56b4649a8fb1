/** Tests flushes requested while another one waits. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../packages/countersign/dist/deliver/failure.js";
import { CountersignError } from "../../packages/countersign/dist/error.js";
import { FlushScheduler } from "../../packages/countersign/dist/record/flush-scheduler.js";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { record, recorderOf } from "../deliver/recorder.ts";

const busy = new CountersignError("log_server.busy", "later", { hint: "wait" });

/** A clock that advances only when timers are set repeatedly. */
function clocked(t: import("node:test").TestContext) {
  const clock = { now: 0, timers: [] as { at: number; run: () => void }[] };
  t.mock.method(performance, "now", () => clock.now);
  t.mock.method(globalThis, "setTimeout", (run: () => void, milliseconds: number) => {
    clock.timers.push({ at: clock.now + milliseconds, run });
    if (clock.timers.length > 100) {
      clock.now += 1_000;
    }
    return clock.timers.length;
  });
  const advance = async (to: number) => {
    clock.now = to;
    const due = clock.timers.filter(({ at }) => at <= to);
    clock.timers = clock.timers.filter(({ at }) => at > to);
    for (const { run } of due) {
      run();
    }
    await new Promise(setImmediate);
  };
  return { clock, advance };
}

/** Flushes that fail until they are allowed to succeed. */
function failing(retryAfter: number) {
  const state = { tries: 0, fails: true };
  const flushing = new FlushScheduler(
    {
      async flush() {
        state.tries++;
        if (state.fails) {
          throw new Failure("server", busy, retryAfter);
        }
      },
      retryInMs: undefined,
      newest: 0,
      hasUndelivered: () => state.fails,
    },
    { auto: false, waits: { first: 1, longest: 1 }, lifetime: undefined, hold: undefined },
    { failed: () => {}, succeeded: () => {}, ended: () => {} },
  );
  return { state, flushing };
}

test("flush: rejects immediately during a wait demanded by the log server", async (t) => {
  const { clock, advance } = clocked(t);
  const { state, flushing } = failing(10_000);
  const patient = flushing.flush(1, 60_000);
  await new Promise(setImmediate);
  await assert.rejects(flushing.flush(1, 0), { code: "log_server.busy" });
  const other = flushing.flush(1, 60_000);
  await new Promise(setImmediate);
  assert.deepEqual([state.tries, clock.now], [1, 0]);
  assert.ok(clock.timers.length < 10, `${clock.timers.length} timers`);
  state.fails = false;
  for (let now = 1_000; now <= 12_000; now += 1_000) {
    await advance(now);
  }
  await Promise.all([patient, other]);
  assert.equal(state.tries, 2);
});

test("flush: ends a wait of the recorder's own", async (t) => {
  const { clock } = clocked(t);
  const { state, flushing } = failing(0);
  const patient = flushing.flush(1, 60_000);
  await new Promise(setImmediate);
  state.fails = false;
  clock.now = 0.1;
  await Promise.all([patient, flushing.flush(1, 0)]);
  assert.equal(state.tries, 2);
});

test("retryForMs: must be a number of milliseconds", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  record(recorder, "a.b");
  for (const retryForMs of [Number.NaN, -1, "5", null] as number[]) {
    const refused = { code: "options.invalid", member: "retryForMs" };
    await assert.rejects(recorder.flush({ retryForMs }), refused);
    await assert.rejects(recorder.rotate(EMITTER.secret, { retryForMs }), refused);
    await assert.rejects(recorder.close({ retryForMs }), refused);
  }
  await assert.rejects(recorder.flush(5000 as never), { code: "options.invalid", hint: /\{ retryForMs \}/ });
  await assert.rejects(recorder.flush({ patient: 5000 } as never), { code: "options.invalid", member: "patient" });
  assert.equal(log.bodies.length, 0);
  record(recorder, "a.c");
  await recorder.flush({ retryForMs: Number.POSITIVE_INFINITY });
  assert.deepEqual([log.actions, log.chains.size], [["a.b", "a.c"], 1]);
});
