/** Tests an outbox on a failing disk: it has everything that it confirmed, and the file is valid at any time. */

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import fs, { type FileHandle, open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import type { Entry } from "../../packages/countersign/dist/outbox/outbox.js";
import { chance, entry, texts } from "./conformance.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-faults-"));
after(() => rmSync(folder, { recursive: true }));

/** Returns the error code for a system call by name, if it must fail. */
let fails: (call: string) => string | undefined = () => undefined;

function fail(call: string): void {
  const code = fails(call);
  if (code !== undefined) {
    throw Object.assign(new Error(`${code}: ${call}`), { code });
  }
}

const handle = await open(join(folder, "any"), "w");
const calls = Object.getPrototypeOf(handle) as FileHandle;
await handle.close();
for (const call of ["datasync", "sync", "truncate"] as const) {
  const real = calls[call] as (this: FileHandle, ...args: unknown[]) => Promise<void>;
  calls[call] = async function (this: FileHandle, ...args: unknown[]) {
    fail(call);
    await real.apply(this, args);
  };
}
const write = calls.write as unknown as (this: FileHandle, ...args: unknown[]) => Promise<{ bytesWritten: number }>;
Object.assign(calls, {
  async write(this: FileHandle, bytes: Uint8Array, offset: number, length: number, position: number) {
    // A write may be partial, and fail afterwards.
    const part = fails("part") === undefined ? length : length >> 1;
    const written = await write.call(this, bytes, offset, part, position);
    fail("write");
    return written;
  },
});
const { rename, open: openFile } = fs;
fs.rename = async (...args) => {
  fail("rename");
  await rename(...args);
};
fs.open = async (...args) => {
  if (args[1] === "wx+") {
    fail("create");
  }
  return openFile(...args);
};
syncBuiltinESMExports();

test("fileOutbox: rewrites to a new file what the disk failed to write", async () => {
  const path = join(folder, "anew");
  const outbox = fileOutbox(path);
  await outbox.open();
  await outbox.write({ put: [entry(1, "a")], remove: [] });
  const before = statSync(path).ino;
  fails = (call) => (call === "datasync" ? "EIO" : undefined);
  await assert.rejects(outbox.write({ put: [entry(2, "b")], remove: [] }), { code: "outbox.failed" });
  fails = () => undefined;
  // After a failed sync, the system may have dropped the data and report success for the same file.
  await outbox.write({ put: [entry(3, "c")], remove: [] });
  assert.notEqual(statSync(path).ino, before);
  await outbox.close();
  const again = fileOutbox(path);
  assert.deepEqual(texts(await again.open()), ["a", "c"]);
  await again.close();
});

const DISASTERS: Record<string, string[]> = {
  ENOSPC: ["write", "create", "part"],
  EIO: ["write", "datasync", "sync", "truncate", "rename", "part"],
};

for (const [code, kinds] of Object.entries(DISASTERS)) {
  for (let seed = 1; seed <= 6; seed += 1) {
    test(`fileOutbox: survives random ${code}, seed ${seed}`, async () => {
      const below = chance(seed);
      const path = join(folder, `${code}-${seed}`);
      const outbox = fileOutbox(path);
      await outbox.open();
      let model: Entry[] = [];
      let next = 1;
      let failed = 0;
      for (let step = 0; step < 250; step += 1) {
        // Failures last for several steps.
        const isBad = below(3) === 0;
        fails = (call) => (isBad && kinds.includes(call) && below(3) === 0 ? code : undefined);
        const changes = Array.from({ length: 1 + below(3) }, () => {
          const remove = model.filter(() => below(3) === 0).map(({ id }) => id);
          const put = Array.from({ length: below(3) }, () => entry(next++, `${next}`.padEnd(below(30_000))));
          return { put, remove };
        });
        // Each change is made or not, independently of concurrent ones.
        const results = await Promise.allSettled(changes.map((change) => outbox.write(change)));
        for (const [nth, { status }] of results.entries()) {
          const { put, remove } = changes[nth] ?? assert.fail();
          if (status === "fulfilled") {
            model = [...model.filter(({ id }) => !remove.includes(id)), ...put];
          } else {
            failed += 1;
          }
        }
        fails = () => undefined;
        if (below(10) === 0) {
          // A copy, as after a kill at this time.
          copyFileSync(path, `${path}.copy`);
          const copy = fileOutbox(`${path}.copy`);
          const there = new Set((await copy.open()).map(({ id }) => id));
          await copy.close();
          if (results.every(({ status }) => status === "fulfilled")) {
            assert.deepEqual(
              [...there],
              model.map(({ id }) => id).toSorted((a, b) => a - b),
            );
          }
        }
      }
      assert.ok(failed > 10);
      await outbox.write({ put: [entry(next, "last")], remove: [] });
      await outbox.close();
      const again = fileOutbox(path);
      assert.deepEqual(texts(await again.open()), [...texts(model), "last"]);
      await again.close();
    });
  }
}
