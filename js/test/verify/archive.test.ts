/** Tests verification from an archive: the result is that of the export, whatever the reader trusts. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import type { EventBatch, Mark, VerifyOptions } from "countersign/verify";
import script from "../../packages/countersign/dist/inlined/worker.node.js";
import { thread } from "../../packages/countersign/dist/verify/thread.node.js";
import { caseNamed, cases } from "./cases.ts";
import { ReusedWorkers } from "./reused-workers.ts";

const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
const workers = new ReusedWorkers(() => thread(script));
after(() => workers.end());
const load = async () => WebAssembly.compile(await readFile(module));
const { verify, verifyArchive } = createVerifier({ module: load, worker: () => workers.take() });
const inline = createVerifier({ module: load });

/** Verifies without trust, and returns the archive. */
async function archived(bytes: Uint8Array<ArrayBuffer>, threads: number): Promise<Blob | undefined> {
  let archive: Blob | undefined;
  const onArchive = (made: Blob) => {
    archive = made;
  };
  await verify(bytes.slice(), { threads, onArchive });
  return archive;
}

/** Collects marks. */
function collecting(): { marks: Mark[]; onMarks: NonNullable<VerifyOptions["onMarks"]> } {
  const marks: Mark[] = [];
  return { marks, onMarks: (batch) => void marks.push(...batch) };
}

test("archive: every case has its result without its export", async () => {
  let count = 0;
  for (const { name, bytes, options } of cases) {
    const [one, other, third] = await Promise.all([0, 1, 3].map((threads) => archived(bytes, threads)));
    assert.equal(one === undefined, other === undefined, name);
    assert.equal(one === undefined, third === undefined, name);
    for (const archive of [one, third]) {
      if (archive === undefined) {
        continue;
      }
      count += 1;
      const [whole, again] = [collecting(), collecting()];
      const events: { chain: string; authorized: boolean }[] = [];
      const onEvents = (batch: EventBatch) => void events.push(...batch);
      const expected = await verify(bytes.slice(), { ...options, threads: 0, onMarks: whole.onMarks, onEvents });
      const { authorized, ...result } = await verifyArchive(archive, { ...options, onMarks: again.onMarks });
      assert.deepEqual(JSON.stringify(result.report), JSON.stringify(expected.report), name);
      assert.deepEqual(result, expected, name);
      assert.deepEqual(again.marks, whole.marks, name);
      for (const event of events) {
        assert.equal(authorized.includes(event.chain), event.authorized, name);
      }
    }
  }
  assert.ok(count > 500, `${count}`);
});

test("archive: works without workers, and reports progress", async () => {
  const { bytes, options } = caseNamed("log-two-chains");
  const archive = await archived(bytes, 1);
  assert.ok(archive);
  assert.ok(archive.size < bytes.length);
  const progress: number[] = [];
  const { report } = await inline.verifyArchive(archive, {
    ...options,
    onProgress: ({ bytes, total }) => void progress.push(bytes / (total ?? 0)),
  });
  assert.equal(report.verdict, "verified");
  assert.equal(progress.at(-1), 1);
});

test("archive: there is none of something that isn't an export, or unless it is requested", async () => {
  assert.equal(await archived(new TextEncoder().encode("no export"), 0), undefined);
  assert.equal(await archived(new Uint8Array(), 1), undefined);
});

test("archive: invalid input and incomplete archives are rejected", async () => {
  const { bytes } = caseNamed("log-two-chains");
  const archive = await archived(bytes, 0);
  assert.ok(archive);
  await assert.rejects(verifyArchive(archive, { trust: "nonsense" }), { code: "trust.invalid" });
  for (const part of [archive.slice(0, archive.size - 1), archive.slice(0, 10), new Blob()]) {
    await assert.rejects(verifyArchive(part), { code: "export.invalid" });
    await assert.rejects(inline.verifyArchive(part), { code: "export.invalid" });
  }
  await assert.rejects(verifyArchive(archive, { signal: AbortSignal.abort() }), { name: "AbortError" });
});
