/** Signers that fail. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { record, recorderOf } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";

/** A signer elsewhere, which may be away. */
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

test("what is recorded in the moment of a flush is in the outbox, though the signer fails", async () => {
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
