/** Tests recorders that a scope closes: `await using`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { createRecorder } from "../deliver/recorder.ts";

const optionsFor = (log: MemoryLog) => ({
  key: EMITTER.secret,
  to: log.to,
  log: log.vkey,
  autoFlush: false as const,
  retry: { initialDelayMs: 1, maxDelayMs: 1 },
  onError: () => {},
});

test("the end of a scope delivers events and ends the chain", async () => {
  const log = new MemoryLog();
  let after: (() => unknown) | undefined;
  {
    await using audit = createRecorder(optionsFor(log));
    audit.record("a.b");
    after = () => audit.record("a.c");
  }
  assert.deepEqual(log.actions, ["a.b"]);
  assert.match([...log.chains.values()][0]?.at(-1) ?? "", /^countersign\/v1 close /);
  assert.throws(after, { code: "recorder.out_of_turn" });
});

test("a scope that throws delivers events, and its error is kept", async () => {
  const log = new MemoryLog();
  await assert.rejects(
    async () => {
      await using audit = createRecorder(optionsFor(log));
      audit.record("a.b");
      throw new Error("own");
    },
    { message: "own" },
  );
  assert.deepEqual(log.actions, ["a.b"]);
});

test("failed deliveries are retried", async () => {
  const log = new MemoryLog();
  log.meets(
    () => new Response(null, { status: 503 }),
    () => new Response(null, { status: 503 }),
  );
  {
    await using audit = createRecorder(optionsFor(log));
    audit.record("a.b");
  }
  assert.deepEqual(log.actions, ["a.b"]);
});

test("a recorder that was closed before is closed again", async () => {
  const log = new MemoryLog();
  {
    await using audit = createRecorder(optionsFor(log));
    audit.record("a.b");
    await audit.close();
  }
  assert.deepEqual(log.actions, ["a.b"]);
});
