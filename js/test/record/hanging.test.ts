/** What never answers: a signer, a fetch that heeds no signal, a transport. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { creating, record, recorderOf } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";

const never = new Promise<never>(() => {});

/** Time that passes when it is told. */
function timed(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return async (milliseconds: number) => {
    await new Promise(setImmediate);
    t.mock.timers.tick(milliseconds);
  };
}

/** A signer that hangs as long as it is told, and the signatures that it gives late. */
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

test("a signer is waited for no longer than for the log server, and its late signature is of no use", async (t) => {
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

test("a fetch that heeds no signal is given up in time", async (t) => {
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
  test(`retryForMs ends whatever hangs, ${manyContexts ? "in turn" : "together"}`, async (t) => {
    const pass = timed(t);
    const chunks: number[] = [];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const told: string[] = [];
    const recorder = await creating({ manyContexts })({
      key: EMITTER.secret,
      origin: "log.example/audit",
      autoFlush: false,
      onError: ({ code }) => told.push(code),
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
    assert.deepEqual([chunks.length, told], [1, []]);
    t.mock.timers.reset();
    await recorder.close();
  });

  test(`what fails after retryForMs is told, ${manyContexts ? "in turn" : "together"}`, async (t) => {
    const pass = timed(t);
    const log = new MemoryLog();
    const told: string[] = [];
    const { key } = hanging();
    const recorder = await recorderOf(log, undefined, { key, timeoutMs: 1_000, manyContexts }, told);
    record(recorder, "a.b");
    const flushed = assert.rejects(recorder.flush({ retryForMs: 200 }), { code: "log_server.timeout" });
    await pass(200);
    await flushed;
    assert.deepEqual(told, []);
    await pass(800);
    await new Promise(setImmediate);
    assert.deepEqual(told, ["signer.failed"]);
    assert.equal(recorder.status().lastError?.code, "signer.failed");
  });
}
