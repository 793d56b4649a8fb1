/** Tests recorders whose outbox can't be used where the program runs: events lose durability, not delivery. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import type { Audit, CountersignError } from "countersign";
import { auditNext } from "countersign/next";
import { fileOutbox } from "countersign/node";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { createRecorder } from "../deliver/recorder.ts";
import { Child, RUNTIMES, type Runtime } from "../runtimes.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-unavailable-"));
after(() => rmSync(folder, { recursive: true }));

/** Returns options of a recorder with an outbox at this path, and the errors that it reports. */
function recording(path: string, log = new MemoryLog()) {
  const reported: CountersignError[] = [];
  const onError = (error: CountersignError) => reported.push(error);
  const options = () => ({ key: EMITTER.secret, to: log.to, log: log.vkey, outbox: fileOutbox(path), onError });
  return { log, reported, options, codes: () => reported.map(({ code }) => code) };
}

/** Lets opening the file fail with a system error. */
function failing(t: TestContext, path: string, code: string): void {
  const { open } = fs;
  fs.open = async (...args) => {
    if (args[0] === path) {
      throw Object.assign(new Error(`${code}: open`), { code });
    }
    return open(...args);
  };
  syncBuiltinESMExports();
  t.after(() => {
    fs.open = open;
    syncBuiltinESMExports();
  });
}

for (const code of ["EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ERR_ACCESS_DENIED", "NotCapable"]) {
  test(`an outbox that can't be opened (${code}): events are delivered, and each start warns once`, async (t) => {
    const path = join(folder, "audit.outbox");
    failing(t, path, code);
    const { log, reported, options, codes } = recording(path);
    for (const start of [1, 2]) {
      const audit = await createRecorder(options()).ready();
      for (const nth of [1, 2]) {
        await audit.record({ action: `start${start}.event${nth}` }).delivered();
      }
      await audit.close();
      assert.deepEqual(codes(), Array(start).fill("outbox.unavailable"));
    }
    assert.deepEqual(log.actions, ["start1.event1", "start1.event2", "start2.event1", "start2.event2"]);
    const [{ message, hint }] = reported as [CountersignError];
    assert.match(message, /^events are only in memory until they are delivered/);
    assert.ok(message.includes(path) && message.includes(code), message);
    assert.match(hint ?? "", /on Vercel, AWS Lambda, and Netlify, omit `outbox`/);
  });
}

for (const [code, expected] of [
  ["ENOSPC", "outbox.full"],
  ["EIO", "outbox.failed"],
  ["EMFILE", "outbox.failed"],
] as const) {
  test(`an outbox that can't be opened now (${code}): events wait for the next attempt`, async (t) => {
    const path = join(folder, "later.outbox");
    failing(t, path, code);
    const { log, options } = recording(path);
    const audit = createRecorder({ ...options(), autoFlush: false });
    await assert.rejects(audit.ready(), { code: expected });
    const handle = audit.record({ action: "a.b" });
    await assert.rejects(audit.flush(), { code: expected });
    assert.deepEqual(log.actions, []);
    handle.stored().catch(() => {});
  });
}

test("an outbox that exists, but is damaged or in use, is not replaced by memory", async () => {
  const damaged = join(folder, "damaged.outbox");
  writeFileSync(damaged, "precious data\n");
  const held = join(folder, "held.outbox");
  const holder = fileOutbox(held);
  await holder.open();
  for (const [path, code] of [
    [damaged, "outbox.damaged"],
    [held, "outbox.in_use"],
  ] as const) {
    const { log, options } = recording(path);
    const audit = createRecorder({ ...options(), autoFlush: false });
    audit.record({ action: "a.b" });
    await assert.rejects(audit.ready(), { code });
    assert.deepEqual(log.actions, []);
  }
  await holder.close();
});

test("without its outbox, a recorder never says that an event is stored", async (t) => {
  const path = join(folder, "never.outbox");
  failing(t, path, "EROFS");
  const { log, options, codes } = recording(path);
  const audit = createRecorder({ ...options(), autoFlush: false });
  const early = audit.record({ action: "a.early" });
  await assert.rejects(early.stored(), { code: "outbox.unavailable" });
  const event = { id: "m_1", action: "a.once" };
  const handles = [audit.record(event), audit.record(event)];
  for (const handle of handles) {
    await assert.rejects(handle.stored(), { code: "outbox.unavailable" });
  }
  await audit.flush();
  await Promise.all(handles.map((handle) => handle.delivered()));
  assert.deepEqual(log.actions, ["a.early", "a.once"]);
  assert.equal(audit.status().repeated, 1);
  assert.deepEqual(codes(), ["outbox.unavailable"]);
  await audit.close();
});

/** Calls handlers as Next.js does. Returns their outcomes, once the work after the responses is done. */
async function callNext(path: string, required: boolean) {
  const { log, options, codes } = recording(path);
  const left: Promise<unknown>[] = [];
  const audited = auditNext(options, { after: (work) => left.push(work), required });
  const handler = audited(async (_request, _context, audit: Audit) => {
    audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: "1" } });
    return new Response("deleted");
  });
  const outcomes: unknown[] = [];
  for (let nth = 0; nth < 3; nth++) {
    const request = new Request("https://app.example/jobs/1", { method: "DELETE" });
    outcomes.push(
      await handler(request, { params: Promise.resolve({}) }).then(
        ({ status }) => status,
        ({ code }: CountersignError) => code,
      ),
    );
    await Promise.allSettled(left.splice(0));
  }
  return { outcomes, actions: log.actions, codes: codes() };
}

/** Returns the path of an outbox on a real read-only file system. */
function onReadOnlyDisk(t: TestContext): string {
  const disk = join(folder, "read-only");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", disk]);
  t.after(() => execFileSync("umount", [disk]));
  return join(disk, "audit.outbox");
}

const mounts = process.platform === "linux" && process.getuid?.() === 0;
for (const [place, skip, pathOf] of [
  ["on a read-only file system", mounts ? false : "needs root on Linux", onReadOnlyDisk],
  // No process can create a file there.
  ["in /sys", process.platform === "linux" ? false : "needs Linux", () => "/sys/countersign.outbox"],
] as const) {
  test(`auditNext: an outbox ${place}: requests are delivered, or refused with \`required\``, { skip }, async (t) => {
    const path = pathOf(t);
    assert.deepEqual(await callNext(path, false), {
      outcomes: [200, 200, 200],
      actions: ["job.delete", "job.delete", "job.delete"],
      codes: ["outbox.unavailable"],
    });
    const required = await callNext(path, true);
    assert.deepEqual(required.outcomes, Array(3).fill("outbox.unavailable"));
    assert.deepEqual(required.actions, []);
    for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
      const child = new Child(runtime, new URL("child.ts", import.meta.url), [path, "open"]);
      assert.equal(await child.line(), "outbox.unavailable", runtime);
      assert.match((await child.line()) ?? "", /on Vercel, AWS Lambda, and Netlify/, runtime);
    }
  });
}
