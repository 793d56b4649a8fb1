/** Tests outboxes with entries that no recorder wrote. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileOutbox } from "../../packages/countersign/dist/node.js";
import { createRecorder } from "../../packages/countersign/dist/record/record.js";
import { EMITTER, MemoryLog } from "../deliver/log.ts";

/** Returns an outbox in a folder with one entry, and a function that creates recorders with it. */
async function holding(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), "countersign-opening-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "outbox");
  const log = new MemoryLog();
  const outbox = fileOutbox(path);
  const codes: string[] = [];
  const onError = ({ code }: { code: string }) => codes.push(code);
  const create = () =>
    createRecorder({ key: EMITTER.secret, to: log.to, log: log.vkey, outbox, autoFlush: false, onError }).ready();
  await outbox.open();
  await outbox.write({ put: [{ id: 1, bytes: new TextEncoder().encode(text) }], remove: [] });
  await outbox.close();
  return { log, outbox, create, codes };
}

test("open: releases an outbox with an event that the core can't read", async (t) => {
  const { log, outbox, create } = await holding(t, "e1 AAAA {nonsense");
  const codes: string[] = [];
  for (let tries = 0; tries < 2; tries++) {
    await create().catch(({ code }: { code: string }) => codes.push(code));
  }
  assert.equal(codes.length, 2);
  assert.equal(codes[0], codes[1]);
  assert.notEqual(codes[0], "outbox.in_use");
  await outbox.open();
  await outbox.write({ put: [], remove: [1] });
  await outbox.close();
  const recorder = await create();
  await recorder.record({ action: "a.b" }).stored();
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b"]);
});

test("open: reports an entry of another kind and keeps it, and delivers the others", async (t) => {
  const { log, outbox, create, codes } = await holding(t, "x");
  const recorder = await create();
  assert.deepEqual(codes, ["outbox.damaged"]);
  await recorder.record({ action: "a.b" }).stored();
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b"]);
  const entries = await outbox.open();
  assert.deepEqual(
    entries.map(({ id, bytes }) => [id, new TextDecoder().decode(bytes)]),
    [[1, "x"]],
  );
  await outbox.close();
});
