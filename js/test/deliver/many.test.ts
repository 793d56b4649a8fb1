/** Events of before, many of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ManyProgress, recordMany } from "../../packages/countersign/dist/many/many.js";
import type { AuditEvent } from "../../packages/countersign/dist/record/event.js";
import { MemoryLog, refusal } from "./log.ts";
import { recorderOf } from "./recorder.ts";

/** How many of its events a source was asked for. */
function source(count: number, changed: (at: number) => Partial<AuditEvent> = () => ({})) {
  const asked = { count: 0 };
  async function* events(): AsyncGenerator<AuditEvent> {
    for (let at = 0; at < count; at++) {
      asked.count++;
      yield { action: `n.${at}`, occurred_at: new Date(at * 1000), ...changed(at) };
    }
  }
  return { events, asked };
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `n.${from + at}`);

test("each event comes once and in order, whatever fails on the way", async () => {
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

test("no more is read than is delivered", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const { events, asked } = source(5_000);
  const read: number[] = [];
  const onProgress = ({ delivered }: ManyProgress) => {
    read.push(asked.count - delivered);
    assert.equal(log.actions.length, delivered);
  };
  await recordMany(recorder, events(), { onProgress });
  assert.ok(Math.max(...read) === 0, `${read}`);
  await recorder.close();
});

for (const onFull of ["throw", "drop"] as const) {
  test(`a recorder that is full is waited for, with onFull ${onFull}`, async () => {
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

test("what cannot be delivered ends it, and stays the recorder's", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  log.meets(...Array.from({ length: 50 }, () => () => refusal(503, "server.unavailable")));
  const { events, asked } = source(5_000);
  await assert.rejects(recordMany(recorder, events(), { retryForMs: 1 }), { code: "log_server.busy" });
  assert.equal(asked.count, 1024);
  assert.equal(recorder.status().waiting, 1024);
  await recorder.flush({ retryForMs: 10_000 });
  assert.deepEqual(log.actions, numbered(0, 1024));
  await recorder.close();
});

test("an event that is none ends it, naming which, and what came before is delivered", async () => {
  for (const [wrong, member] of [
    [{ occurred_at: undefined }, "occurred_at"],
    [{ actor: {} as never }, "actor.id"],
  ] as const) {
    const log = new MemoryLog();
    const recorder = await recorderOf(log);
    const { events } = source(10, (at) => (at === 7 ? wrong : {}));
    const failed = recordMany(recorder, events());
    await assert.rejects(failed, { code: "event.invalid", member, message: /^event 7 of the source/ });
    assert.deepEqual(log.actions, numbered(0, 7));
    await recorder.close();
  }
});

test("or is told of and left out", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const told: number[] = [];
  const { events } = source(10, (at) => (at % 4 === 3 ? { occurred_at: undefined } : {}));
  const done = await recordMany(recorder, events(), { onInvalid: (_, at) => told.push(at) });
  assert.deepEqual([told, done], [[3, 7], { read: 10, delivered: 8, invalid: 2 }]);
  await recorder.close();
});

test("it ends when it is told to, and goes on from there", async () => {
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
