/** Tests failing signers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../packages/countersign/dist/promises.js";
import { Signer } from "../conformance/keys.ts";
import { EMITTER, MemoryLog, refusal } from "../deliver/log.ts";
import { record, recorderOf } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { until } from "../eventually.ts";

const OTHER = new Signer("example.com/next", 3);

/** Returns an external signer that fails on request. */
function elsewhere(signer = EMITTER) {
  const state = { fails: false };
  const sign = async (bytes: Uint8Array) => {
    if (state.fails) {
      throw new Error("the KMS is away");
    }
    return new Uint8Array(Buffer.from(signer.sign(new TextDecoder().decode(bytes)), "base64"));
  };
  return { state, key: { vkey: signer.vkey, sign } };
}

test("signing: an event recorded during a flush is stored although the signer fails", async () => {
  const storage = new Storage();
  const { state, key } = elsewhere();
  state.fails = true;
  const log = new MemoryLog();
  const recorder = await recorderOf(log, storage, { key });
  const [handle] = record(recorder, "a.b");
  await assert.rejects(recorder.flush(), { code: "signer.failed" });
  await handle?.stored();
  assert.equal(storage.kinds, "e");
  state.fails = false;
  await recorder.flush();
  assert.deepEqual([log.actions, storage.kinds], [["a.b"], ""]);
});

/** Returns the kinds of links of each chain. */
const kinds = (log: MemoryLog) =>
  [...log.chains.values()].map((links) => links.map((link) => link.split(" ")[1]).join(" "));

for (const isDurable of [false, true]) {
  const where = isDurable ? "an outbox" : "memory";

  test(`rotate: leaves a failing signer and its links behind: ${where}`, async () => {
    const log = new MemoryLog();
    const storage = isDurable ? new Storage() : undefined;
    const { state, key } = elsewhere();
    const reported: string[] = [];
    const recorder = await recorderOf(log, storage, { key }, reported);
    record(recorder, "a.one");
    await recorder.flush();
    state.fails = true;
    const handles = record(recorder, "a.two", "a.three");
    await assert.rejects(recorder.flush(), { code: "signer.failed" });
    record(recorder, "a.four");
    await recorder.rotate(OTHER.secret);
    assert.deepEqual(reported, ["signer.failed"]);
    const receipts = await Promise.all(handles.map((handle) => handle.delivered()));
    assert.deepEqual(
      receipts.map(({ chain, seq }) => [chain, seq]),
      [
        [recorder.chain, 1],
        [recorder.chain, 2],
      ],
    );
    record(recorder, "b.one");
    await recorder.close();
    assert.deepEqual(log.actions, ["a.one", "a.two", "a.three", "a.four", "b.one"]);
    assert.deepEqual(kinds(log), ["open event", "open event event event event close"]);
    assert.equal(recorder.status().waitingBytes, 0);
    assert.equal(storage?.kinds ?? "", "");
  });
}

test("rotate: a signer that fails before its chain began leaves nothing behind", async () => {
  const log = new MemoryLog();
  const { state, key } = elsewhere();
  state.fails = true;
  const recorder = await recorderOf(log, undefined, { key });
  record(recorder, "a.one");
  await assert.rejects(recorder.flush(), { code: "signer.failed" });
  await recorder.rotate(OTHER.secret);
  await recorder.close();
  assert.deepEqual([log.actions, kinds(log)], [["a.one"], ["open event close"]]);
});

test("rotate: two failing signers in a row lose nothing, even if the recorder is closed", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const [first, second] = [elsewhere(), elsewhere(OTHER)];
  first.state.fails = true;
  second.state.fails = true;
  const recorder = await recorderOf(log, storage, { key: first.key });
  record(recorder, "a.one");
  await assert.rejects(recorder.rotate(second.key), { code: "signer.failed" });
  record(recorder, "a.two");
  await assert.rejects(recorder.close(), { code: "signer.failed" });
  await assert.rejects(recorder.close(), { code: "signer.failed" });
  second.state.fails = false;
  await recorder.close();
  assert.deepEqual([log.actions, kinds(log), storage.kinds], [["a.one", "a.two"], ["open event event close"], ""]);
});

test("signing: signed links are sent although later ones can't be signed", async () => {
  const log = new MemoryLog();
  const { state, key } = elsewhere();
  const recorder = await recorderOf(log, undefined, { key });
  record(recorder, "a.one");
  log.meets(() => refusal(503, "server.unavailable"));
  await assert.rejects(recorder.flush(), { code: "log_server.busy" });
  state.fails = true;
  record(recorder, "a.two");
  await assert.rejects(recorder.flush(), { code: "signer.failed" });
  assert.deepEqual(log.actions, ["a.one"]);
});

test("signing: unsigned links of a dead chain move to the next", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const { state, key } = elsewhere();
  const recorder = await recorderOf(log, storage, { key });
  log.always = () => refusal(400, "log.refused");
  record(recorder, "a.one");
  await assert.rejects(recorder.flush(), { code: "log.refused" });
  state.fails = true;
  const [handle] = record(recorder, "a.two");
  await until("the chain is dead", async () => {
    if (recorder.status().dead.length > 0) {
      return true;
    }
    await assert.rejects(recorder.flush());
    return false;
  });
  log.always = undefined;
  state.fails = false;
  await recorder.flush();
  assert.equal((await handle?.delivered())?.chain, recorder.chain);
  assert.deepEqual(log.actions, ["a.two"]);
});

test("close: a chain closed while signing ends with a close link", async () => {
  const log = new MemoryLog();
  const { key } = elsewhere();
  const { promise: released, resolve: release } = deferred();
  const sign = async (bytes: Uint8Array) => {
    await released;
    return key.sign(bytes);
  };
  const recorder = await recorderOf(log, undefined, { key: { vkey: key.vkey, sign } });
  record(recorder, "a.one");
  const flushed = recorder.flush();
  await new Promise(setImmediate);
  const closed = recorder.close();
  release();
  await Promise.all([flushed, closed]);
  assert.deepEqual(kinds(log), ["open event close"]);
});
