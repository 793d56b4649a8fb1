/** Tests imports of many events. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ManyProgress, recordMany } from "../../packages/countersign/dist/many/many.js";
import type { AuditEvent } from "../../packages/countersign/dist/record/event.js";
import { MemoryLog, refusal } from "./log.ts";
import { recorderOf } from "./recorder.ts";

/** Returns a source that counts how many of its events were requested. */
function source(count: number, changed: (at: number) => Partial<AuditEvent> = () => ({})) {
  const requests = { count: 0 };
  async function* events(): AsyncGenerator<AuditEvent> {
    for (let at = 0; at < count; at++) {
      requests.count++;
      yield { action: `n.${at}`, occurred_at: new Date(at * 1000), ...changed(at) };
    }
  }
  return { events, requests };
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `n.${from + at}`);

test("recordMany: delivers each event once and in order despite failures", async () => {
  const log = new MemoryLog();
  log.meets(() => refusal(503, "server.unavailable"));
  const recorder = await recorderOf(log);
  const seen: ManyProgress[] = [];
  const { events } = source(2_500);
  const done = await recordMany(recorder, events(), { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(log.actions, numbered(0, 2_500));
  assert.deepEqual(done, { read: 2_500, delivered: 2_500, invalid: 0 });
  assert.deepEqual(
    seen.map(({ delivered }) => delivered),
    [1024, 2048, 2500],
  );
  await recorder.close();
});

test("recordMany: reads no more than is delivered", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const { events, requests } = source(5_000);
  const read: number[] = [];
  const onProgress = ({ delivered }: ManyProgress) => {
    read.push(requests.count - delivered);
    assert.equal(log.actions.length, delivered);
  };
  await recordMany(recorder, events(), { onProgress });
  assert.ok(Math.max(...read) === 0, `${read}`);
  await recorder.close();
});

for (const onFull of ["throw", "drop"] as const) {
  test(`recordMany: waits for room with onFull ${onFull}`, async () => {
    const log = new MemoryLog();
    const recorder = await recorderOf(log, undefined, { onFull, maxWaitingBytes: 8_000 });
    const { events } = source(100);
    const { delivered } = await recordMany(recorder, events());
    assert.equal(delivered, 100);
    const actions = log.actions.filter((action) => action !== "countersign.dropped");
    assert.deepEqual([...actions].sort(), numbered(0, 100).sort());
    assert.equal(new Set(actions).size, 100);
    await recorder.close();
  });
}

test("recordMany: stops on a failed delivery, and events stay queued in the recorder", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  log.meets(...Array.from({ length: 50 }, () => () => refusal(503, "server.unavailable")));
  const { events, requests } = source(5_000);
  await assert.rejects(recordMany(recorder, events(), { retryForMs: 1 }), { code: "log_server.busy" });
  assert.equal(requests.count, 1024);
  assert.equal(recorder.status().waiting, 1024);
  await recorder.flush({ retryForMs: 10_000 });
  assert.deepEqual(log.actions, numbered(0, 1024));
  await recorder.close();
});

test("recordMany: stops at an invalid event, names it, and delivers the earlier ones", async () => {
  for (const [wrong, member] of [
    [{ occurred_at: undefined }, "occurred_at"],
    [{ actor: {} as never }, "actor.id"],
  ] as const) {
    const log = new MemoryLog();
    const recorder = await recorderOf(log);
    const { events } = source(10, (at) => (at === 7 ? wrong : {}));
    const failed = recordMany(recorder, events());
    await assert.rejects(failed, { code: "event.invalid", member, message: /^event 7 of `source`/ });
    assert.deepEqual(log.actions, numbered(0, 7));
    await recorder.close();
  }
});

test("recordMany: skips invalid events with onInvalid", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const progress: number[] = [];
  const { events } = source(10, (at) => (at % 4 === 3 ? { occurred_at: undefined } : {}));
  const done = await recordMany(recorder, events(), { onInvalid: (_, at) => progress.push(at) });
  assert.deepEqual([progress, done], [[3, 7], { read: 10, delivered: 8, invalid: 2 }]);
  await recorder.close();
});

test("recordMany: stops on a signal, and resumes from there", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const { signal, abort } = ((controller) => ({ signal: controller.signal, abort: () => controller.abort() }))(
    new AbortController(),
  );
  let skip = 0;
  const onProgress = ({ read }: ManyProgress) => {
    skip = read;
    abort();
  };
  await assert.rejects(recordMany(recorder, source(2_000).events(), { signal, onProgress }), { name: "AbortError" });
  assert.deepEqual(log.actions, numbered(0, 1024));
  await recordMany(recorder, source(2_000).events(), { skip });
  assert.deepEqual(log.actions, numbered(0, 2_000));
  await assert.rejects(recordMany(recorder, [], { skip: -1 }), { code: "options.invalid", member: "skip" });
  await recorder.close();
});
