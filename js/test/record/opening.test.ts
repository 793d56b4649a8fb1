/** Outboxes that hold what no recorder wrote. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileOutbox } from "../../dist/node.js";
import { createRecorder } from "../../dist/record/record.js";
import { EMITTER, MemoryLog } from "../deliver/log.ts";

for (const [what, text] of [
  ["an event that the core does not read", "e1 AAAA {nonsense"],
  ["an entry of another kind", "x"],
] as const) {
  test(`lets go of an outbox that holds ${what}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-opening-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "outbox");
    const log = new MemoryLog();
    const outbox = fileOutbox(path);
    const create = (from = outbox) => createRecorder({ key: EMITTER.secret, to: log.to, log: log.vkey, outbox: from });
    await outbox.open();
    await outbox.write({ put: [{ id: 1, bytes: new TextEncoder().encode(text) }], remove: [] });
    await outbox.close();
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
    // One that is in use stays so, whoever asks for it.
    await assert.rejects(create(), { code: "outbox.in_use" });
    await assert.rejects(create(fileOutbox(path)), { code: "outbox.in_use" });
    await recorder.record({ action: "a.b" }).stored();
    await recorder.close();
    assert.deepEqual(log.actions, ["a.b"]);
  });
}
