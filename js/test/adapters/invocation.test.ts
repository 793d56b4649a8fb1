/** The flush that an invocation makes by itself, beside those that its handler asks for. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRecorder, type FlushPatience } from "countersign";
import { Invocation } from "../../dist/adapters/invocation.js";
import { RecorderHolder } from "../../dist/adapters/recorder-holder.js";
import { PATIENCE } from "../../dist/record/flushing.js";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

class Counting extends RecorderHolder {
  flushes = 0;
  patience = 0;

  override flush(patience?: FlushPatience): Promise<void> {
    this.flushes++;
    this.patience = patience?.patience ?? 0;
    return super.flush(patience);
  }
}

async function invoked(to: () => Promise<void>) {
  const holder = new Counting({
    create: createRecorder,
    options: async () => ({ key: EMITTERS[0].secret, origin: ORIGIN, to, flush: false, manyContexts: true }),
    shared: false,
    required: false,
  });
  await holder.start();
  const waiting: Promise<unknown>[] = [];
  const invocation = new Invocation(holder, { waitUntil: (promise) => waiting.push(promise) });
  invocation.begin();
  invocation.record({ action: "job.run" });
  return { holder, invocation, waiting };
}

test("what the handler's own flush delivers is flushed once", async () => {
  const { holder, invocation, waiting } = await invoked(() => new Promise((resolve) => setTimeout(resolve, 20)));
  const flushed = invocation.flush();
  invocation.end();
  await Promise.all([flushed, ...waiting]);
  assert.equal(holder.flushes, 1);
});

test("what the handler's own flush does not deliver is flushed again", async () => {
  let tries = 0;
  const { holder, invocation, waiting } = await invoked(async () => {
    tries++;
    if (tries === 1) {
      throw new Error("not yet");
    }
  });
  const flushed = invocation.flush();
  invocation.end();
  await assert.rejects(flushed, { code: "transport.failed" });
  await Promise.all(waiting);
  assert.deepEqual([tries, holder.flushes, holder.status().waiting], [2, 2, 0]);
});

test("the handler's flush and the one after it end within one patience", async (context) => {
  let ahead = 0;
  const { now } = performance;
  context.mock.method(performance, "now", () => now.call(performance) + ahead);
  const first = Promise.withResolvers<void>();
  let tries = 0;
  const { holder, invocation, waiting } = await invoked(async () => {
    tries++;
    if (tries === 1) {
      await first.promise;
      throw new Error("not yet");
    }
  });
  const flushed = invocation.flush();
  invocation.end();
  while (tries === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  ahead = PATIENCE - 5_000;
  first.resolve();
  await assert.rejects(flushed, { code: "transport.failed" });
  await Promise.all(waiting);
  assert.deepEqual([tries, holder.flushes, holder.status().waiting], [2, 2, 0]);
  assert.ok(holder.patience > 0 && holder.patience <= 5_000, `${holder.patience}`);
});
