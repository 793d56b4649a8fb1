/** Tests the flush that an invocation does by itself, next to those of its handler. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlushOptions } from "countersign";
import { Invocation } from "../../packages/countersign/dist/adapters/invocation.js";
import { MAX_CONTEXT_MS } from "../../packages/countersign/dist/record/flush-scheduler.js";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";
import { until } from "../eventually.ts";

/** Creates a recorder that counts its flushes. */
function counting(to: () => Promise<void>) {
  const recorder = createLazyRecorder({
    read: async () => ({ key: EMITTERS[0].secret, origin: ORIGIN, to, autoFlush: false }),
    isShared: false,
    required: false,
  });
  const { flush } = recorder;
  return Object.assign(recorder, {
    flushes: 0,
    retryForMs: 0,
    flush(this: { flushes: number; retryForMs: number }, options?: FlushOptions): Promise<void> {
      this.flushes++;
      this.retryForMs = options?.retryForMs ?? 0;
      return flush.call(recorder, options);
    },
  });
}

async function invoked(to: () => Promise<void>) {
  const recorder = counting(to);
  await recorder.ready();
  const waiting: Promise<unknown>[] = [];
  const invocation = new Invocation(recorder, { waitUntil: (promise) => waiting.push(promise) });
  invocation.begin();
  invocation.record({ action: "job.run" });
  return { recorder, invocation, waiting };
}

test("Invocation: doesn't flush again what the handler's own flush delivered", async () => {
  const { recorder, invocation, waiting } = await invoked(() => new Promise((resolve) => setTimeout(resolve, 20)));
  const flushed = invocation.flush();
  invocation.end();
  await Promise.all([flushed, ...waiting]);
  assert.equal(recorder.flushes, 1);
});

test("Invocation: flushes again what the handler's own flush did not deliver", async () => {
  let tries = 0;
  const { recorder, invocation, waiting } = await invoked(async () => {
    tries++;
    if (tries === 1) {
      throw new Error("not yet");
    }
  });
  const flushed = invocation.flush();
  invocation.end();
  await assert.rejects(flushed, { code: "transport.failed" });
  await Promise.all(waiting);
  assert.deepEqual([tries, recorder.flushes, recorder.status().waiting], [2, 2, 0]);
});

test("Invocation: the handler's flush and the final one share one time limit", async (context) => {
  let ahead = 0;
  const { now } = performance;
  context.mock.method(performance, "now", () => now.call(performance) + ahead);
  const first = Promise.withResolvers<void>();
  let tries = 0;
  const { recorder, invocation, waiting } = await invoked(async () => {
    tries++;
    if (tries === 1) {
      await first.promise;
      throw new Error("not yet");
    }
  });
  const flushed = invocation.flush();
  invocation.end();
  await until("the first attempt has begun", () => tries > 0);
  ahead = MAX_CONTEXT_MS - 5_000;
  first.resolve();
  await assert.rejects(flushed, { code: "transport.failed" });
  await Promise.all(waiting);
  assert.deepEqual([tries, recorder.flushes, recorder.status().waiting], [2, 2, 0]);
  assert.ok(recorder.retryForMs > 0 && recorder.retryForMs <= 5_000, `${recorder.retryForMs}`);
});
