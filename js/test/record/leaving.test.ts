/** Pages that are left while events wait. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTER, MemoryLog, refusal } from "../deliver/log.ts";
import { Storage } from "../deliver/storage.ts";
import { inLife } from "./life.ts";

/** What a browser lets go of a page that is left. */
const MOST = 64 << 10;

/** A recorder in a page, and the page. */
async function visit(log: MemoryLog, storage?: Storage) {
  const { createRecorder, tell } = inLife();
  const recorder = await createRecorder({
    key: EMITTER.secret,
    to: log.to,
    log: log.vkey,
    outbox: storage?.outbox(),
    autoFlush: { maxDelayMs: 2 ** 30, maxEvents: 1e9, maxBytes: 1e9 },
    onError: () => {},
  }).ready();
  const leave = async () => {
    tell("leaving");
    await new Promise(setImmediate);
  };
  return { recorder, leave };
}

for (const [script, character] of [
  ["Latin", "x"],
  ["Chinese", "漢"],
] as const) {
  test(`a page that is left sends about as much as a browser lets go, of ${script} too`, async () => {
    const log = new MemoryLog();
    const { recorder, leave } = await visit(log);
    for (let nth = 0; nth < 90; nth++) {
      recorder.record({ action: "a.b", reason: character.repeat(1_000) });
    }
    await leave();
    const sizes = log.bodies.map((body) => Buffer.byteLength(body));
    assert.equal(sizes.length, 1);
    assert.ok(
      sizes.every((size) => size > MOST / 2 && size < MOST),
      `${sizes}`,
    );
    assert.ok(log.actions.length > 0);
  });
}

for (const storage of [undefined, new Storage()]) {
  test(`of much that could not be sent before it sends the first: ${storage ? "an outbox" : "memory"}`, async () => {
    const log = new MemoryLog();
    const { recorder, leave } = await visit(log, storage);
    for (let nth = 0; nth < 900; nth++) {
      recorder.record({ action: "a.b", reason: "漢".repeat(100) });
    }
    log.meets(() => refusal(503, "server.unavailable"));
    await assert.rejects(recorder.flush(), { code: "log_server.busy" });
    await leave();
    assert.ok(log.actions.length > 10, `${log.actions.length} came`);
    assert.ok(Buffer.byteLength(log.bodies.at(-1) ?? "") < MOST);
  });
}

test("what waits is counted in bytes of UTF-8", async () => {
  const { recorder } = await visit(new MemoryLog());
  recorder.recordJson(`{"a":"${"漢".repeat(100)}"}`);
  assert.equal(recorder.status().waitingBytes, 308);
});
