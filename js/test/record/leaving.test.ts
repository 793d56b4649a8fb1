/** Tests pages that are left while events wait. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTER, MemoryLog, refusal } from "../deliver/log.ts";
import { Storage } from "../deliver/storage.ts";
import { inLife } from "./life.ts";

/** Bytes that a browser sends for a page being unloaded. */
const MAX_KEEPALIVE_BYTES = 64 << 10;

/** Returns a recorder in a page, and a function that controls the page. */
async function visit(log: MemoryLog, storage?: Storage) {
  const { createRecorder, notify } = inLife();
  const recorder = await createRecorder({
    key: EMITTER.secret,
    to: log.to,
    log: log.vkey,
    outbox: storage?.outbox(),
    autoFlush: { maxDelayMs: 2 ** 30, maxEvents: 1e9, maxBytes: 1e9 },
    onError: () => {},
  }).ready();
  const leave = async () => {
    notify("leaving");
    await new Promise(setImmediate);
  };
  return { recorder, leave };
}

for (const [script, character] of [
  ["Latin", "x"],
  ["Chinese", "漢"],
] as const) {
  test(`leaving: sends about as much as a browser allows, also for ${script}`, async () => {
    const log = new MemoryLog();
    const { recorder, leave } = await visit(log);
    for (let nth = 0; nth < 90; nth++) {
      recorder.record({ action: "a.b", reason: character.repeat(1_000) });
    }
    await leave();
    const sizes = log.bodies.map((body) => Buffer.byteLength(body));
    assert.equal(sizes.length, 1);
    assert.ok(
      sizes.every((size) => size > MAX_KEEPALIVE_BYTES / 2 && size < MAX_KEEPALIVE_BYTES),
      `${sizes}`,
    );
    assert.ok(log.actions.length > 0);
  });
}

for (const storage of [undefined, new Storage()]) {
  test(`leaving: sends the first of many waiting events: ${storage ? "outbox" : "memory"}`, async () => {
    const log = new MemoryLog();
    const { recorder, leave } = await visit(log, storage);
    for (let nth = 0; nth < 900; nth++) {
      recorder.record({ action: "a.b", reason: "漢".repeat(100) });
    }
    log.meets(() => refusal(503, "server.unavailable"));
    await assert.rejects(recorder.flush(), { code: "log_server.busy" });
    await leave();
    assert.ok(log.actions.length > 10, `${log.actions.length} came`);
    assert.ok(Buffer.byteLength(log.bodies.at(-1) ?? "") < MAX_KEEPALIVE_BYTES);
  });
}

test("waitingBytes: counts UTF-8", async () => {
  const { recorder } = await visit(new MemoryLog());
  recorder.recordJson(`{"a":"${"漢".repeat(100)}"}`);
  assert.equal(recorder.status().waitingBytes, 308);
});
