/** Tests throwing `onError` callbacks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";
import { EMITTER, MemoryLog, refusal } from "../deliver/log.ts";
import { record, recorderOf } from "../deliver/recorder.ts";
import { until } from "../eventually.ts";

const fails = () => {
  throw new Error("of the program's own");
};

test("onError: a throwing callback blocks nothing, and is reported itself", async (t) => {
  const consoleError = t.mock.method(console, "error", () => {});
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const log = new MemoryLog();
  log.meets(() => refusal(503, "server.unavailable"));
  const recorder = await recorderOf(log, undefined, { autoFlush: {}, onError: fails });
  const [handle] = record(recorder, "a.b");
  t.mock.timers.tick(1_000);
  await until("the console has said it", () => consoleError.mock.callCount() > 0);
  assert.match(String(consoleError.mock.calls[0]?.arguments[0]), /onError threw an error .* log_server\.busy/);
  // Retried automatically.
  t.mock.timers.tick(1_000);
  await handle?.delivered();
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b"]);
});

test("onError: a throwing callback doesn't block reports", async (t) => {
  const consoleError = t.mock.method(console, "error", () => {});
  const log = new MemoryLog();
  const recorder = createLazyRecorder({
    read: async () => ({ key: EMITTER.secret, to: log.to, log: log.vkey, autoFlush: false, onError: fails }),
    isShared: true,
    required: false,
  });
  await recorder.ready();
  (recorder as unknown as { report(error: unknown): void }).report(new Error("of no matter"));
  assert.equal(consoleError.mock.callCount(), 1);
});

test("flush: rejects only with CountersignError", async () => {
  let broken = false;
  const random = (bytes: Uint8Array<ArrayBuffer>) => {
    if (broken) {
      throw new TypeError("no entropy");
    }
    crypto.getRandomValues(bytes);
  };
  for (const manyContexts of [false, true]) {
    broken = false;
    const recorder = await recorderOf(new MemoryLog(), undefined, { random, manyContexts });
    record(recorder, "a.b");
    broken = true;
    await assert.rejects(recorder.flush(), {
      name: "CountersignError",
      code: "recorder.failed",
      message: /no entropy/,
    });
  }
});
