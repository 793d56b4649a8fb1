/** Tests a module that is reloaded in development, and creates a new recorder with the same file. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createRecorder } from "countersign";
import { fileOutbox } from "countersign/node";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-reload-"));
after(() => rmSync(folder, { recursive: true }));

function module(path: string, to: (chunk: Uint8Array) => unknown) {
  const options = { key: EMITTERS[0].secret, origin: ORIGIN, to, autoFlush: false as const, onError: () => {} };
  return createRecorder({ ...options, outbox: fileOutbox(path) }).ready();
}

test("reload: the new recorder takes over the old one's entries and calls", async () => {
  process.env.NODE_ENV = "development";
  const path = join(folder, "dev.outbox");
  const chunks: string[] = [];
  let isDown = true;
  const to = (chunk: Uint8Array) => {
    if (isDown) {
      throw new Error("down");
    }
    chunks.push(new TextDecoder().decode(chunk));
  };
  try {
    const first = await module(path, to);
    first.record({ action: "a.linked" });
    await assert.rejects(first.flush());
    const queued = first.record({ action: "a.queued" });
    const delivered = assert.rejects(queued.delivered(), { code: "recorder.out_of_turn" });
    const second = await module(path, to);
    await delivered;
    first.record({ action: "b.by-the-first" });
    first.recordJson('{"action":"c.by-the-first"}');
    const third = await module(path, to);
    second.record({ action: "d.by-the-second" });
    first.record({ action: "e.by-the-first" });
    assert.equal(first.status().queued, third.status().queued);
    isDown = false;
    await first.flush();
    await first.close();
    await third.close();
  } finally {
    delete process.env.NODE_ENV;
  }
  const events = chunks
    .join("")
    .split("\n")
    .filter((line) => line.includes('"event"'));
  const actions = events.map((line) => JSON.parse(line).event.action);
  const expected = ["a.linked", "a.queued", "b.by-the-first", "c.by-the-first", "d.by-the-second", "e.by-the-first"];
  assert.deepEqual(actions.sort(), expected);
});

test("reload: outside development, two recorders for a file are rejected", async () => {
  const path = join(folder, "other.outbox");
  const first = await module(path, () => {});
  await assert.rejects(
    module(path, () => {}),
    { code: "outbox.in_use" },
  );
  await first.close();
  await (await module(path, () => {})).close();
});
