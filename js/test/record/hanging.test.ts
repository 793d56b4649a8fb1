/** Tests hanging signers, fetches, and transports. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { creating, record, recorderOf } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";

const never = new Promise<never>(() => {});

/** Returns a function that advances time. */
function timed(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return async (milliseconds: number) => {
    await new Promise(setImmediate);
    t.mock.timers.tick(milliseconds);
  };
}

/** Returns a signer that hangs on request and then signs late. */
function hanging() {
  const state = { hangs: true, late: [] as (() => void)[] };
  const sign = (bytes: Uint8Array): Promise<Uint8Array> => {
    const signature = new Uint8Array(Buffer.from(EMITTER.sign(new TextDecoder().decode(bytes)), "base64"));
    return state.hangs
      ? new Promise((resolve) => state.late.push(() => resolve(signature)))
      : Promise.resolve(signature);
  };
  return { state, key: { vkey: EMITTER.vkey, sign } };
}

test("signer: times out like the log server, and a late signature is ignored", async (t) => {
  const pass = timed(t);
  const log = new MemoryLog();
  const storage = new Storage();
  const { state, key } = hanging();
  const recorder = await recorderOf(log, storage, { key, timeoutMs: 1_000 });
  record(recorder, "a.b");
  const flushed = assert.rejects(recorder.flush(), { code: "signer.failed" });
  await pass(1_000);
  await flushed;
  state.hangs = false;
  for (const come of state.late) {
    come();
  }
  await recorder.close();
  assert.deepEqual([log.actions, storage.kinds], [["a.b"], ""]);
});

test("fetch: a fetch that ignores its signal times out", async (t) => {
  const pass = timed(t);
  const log = new MemoryLog();
  let hangs = true;
  const to = { url: log.to.url, fetch: (url: string, init: RequestInit) => (hangs ? never : fetchOf(url, init)) };
  const { fetch: fetchOf = () => never } = log.to;
  const recorder = await recorderOf({ vkey: log.vkey, to }, undefined, { timeoutMs: 1_000 });
  record(recorder, "a.b");
  const flushed = assert.rejects(recorder.flush(), { code: "log_server.timeout" });
  await pass(1_000);
  await flushed;
  hangs = false;
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b"]);
});

for (const manyContexts of [false, true]) {
  test(`retryForMs: ends hanging calls, ${manyContexts ? "in turn" : "together"}`, async (t) => {
    const pass = timed(t);
    const chunks: number[] = [];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const reported: string[] = [];
    const recorder = await creating({ manyContexts })({
      key: EMITTER.secret,
      origin: "log.example/audit",
      autoFlush: false,
      onError: ({ code }) => reported.push(code),
      to: async (chunk) => {
        await held;
        chunks.push(chunk.length);
      },
    }).ready();
    const [handle] = record(recorder, "a.b");
    const flushed = assert.rejects(recorder.flush({ retryForMs: 200 }), { code: "log_server.timeout" });
    await pass(200);
    await flushed;
    letGo();
    await handle?.delivered();
    assert.deepEqual([chunks.length, reported], [1, []]);
    t.mock.timers.reset();
    await recorder.close();
  });

  test(`retryForMs: a later failure is reported, ${manyContexts ? "in turn" : "together"}`, async (t) => {
    const pass = timed(t);
    const log = new MemoryLog();
    const reported: string[] = [];
    const { key } = hanging();
    const recorder = await recorderOf(log, undefined, { key, timeoutMs: 1_000, manyContexts }, reported);
    record(recorder, "a.b");
    const flushed = assert.rejects(recorder.flush({ retryForMs: 200 }), { code: "log_server.timeout" });
    await pass(200);
    await flushed;
    assert.deepEqual(reported, []);
    await pass(800);
    await new Promise(setImmediate);
    assert.deepEqual(reported, ["signer.failed"]);
    assert.equal(recorder.status().lastError?.code, "signer.failed");
  });
}
