/** Tests that a program which exits after `close()` failed leaves its events in the file outbox, and says nothing false. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileOutbox } from "countersign/node";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

const SCRIPT = `
  import { createRecorder, generateKey } from "countersign";
  import { fileOutbox } from "countersign/node";
  const [key, origin, path] = process.argv.slice(1);
  const { vkey } = await generateKey(origin);
  const audit = createRecorder({
    key,
    log: vkey,
    to: "http://127.0.0.1:9",
    outbox: fileOutbox(path),
    onError: ({ code, message }) => console.log(code, message),
  });
  audit.record({ action: "job.delete" });
  await audit.close({ retryForMs: 300 }).catch(({ code }) => console.log("closed", code));
`;

test("an exit after close() failed leaves the events in the outbox", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-exit-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "audit.outbox");
  const args = ["--input-type=module", "--eval", SCRIPT, EMITTERS[0].secret, ORIGIN, path];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: new URL("../..", import.meta.url),
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.equal(stderr, "");
  assert.match(stdout, /^closed /m);
  assert.doesNotMatch(stdout, /undefined|null pointer/);
  assert.equal(status, 0);
  const outbox = fileOutbox(path);
  const entries = await outbox.open();
  await outbox.close();
  assert.ok(entries.some(({ bytes }) => new TextDecoder().decode(bytes).startsWith("b")));
});
