/** Tests reading a verified export again for its events. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { createVerifier } from "countersign/slim";
import script from "../../packages/countersign/dist/inlined/worker.node.js";
import type { Source } from "../../packages/countersign/dist/verify/source.js";
import { thread } from "../../packages/countersign/dist/verify/thread.node.js";
import { ExportBytes, openKept } from "../../packages/ui/dist/index/export-bytes.js";
import type { EventIndex } from "../../packages/ui/dist/index/types.js";
import { exportOf } from "../verify/inputs.ts";
import { threaded } from "./threaded.ts";

const CHUNK_BYTES = 256 << 10;
const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
const { verify } = createVerifier({
  module: async () => WebAssembly.compile(await readFile(module)),
  worker: () => thread(script),
});

const BYTES = new Uint8Array(3 * CHUNK_BYTES + 1000).map((_, nth) => (nth * nth) >> 7);

/** Returns an export that was read to its end, and is read again from `file`. */
async function opened(source: Source, file: Blob | undefined): Promise<ExportBytes> {
  const known = new ExportBytes(file);
  const told: Promise<void>[] = [];
  let tell: () => void = () => {};
  const next = () =>
    told.push(
      new Promise((resolve) => {
        tell = resolve;
      }),
    );
  next();
  const reading = openKept(source, (nth, piece) => {
    known.know(nth, piece);
    tell();
  });
  for (let piece = await reading.next(new ArrayBuffer(CHUNK_BYTES)); piece !== undefined; ) {
    // The receiver may modify the bytes.
    piece.fill(0);
    await told.at(-1);
    next();
    piece = await reading.next(new ArrayBuffer(CHUNK_BYTES));
  }
  assert.deepEqual(new Uint8Array((await reading.kept?.().arrayBuffer()) ?? []), BYTES);
  return known;
}

const hashed = (file: Blob, then = file) => opened(file, then);

async function read(file: ExportBytes, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  await file.read(begin, bytes);
  return bytes;
}

test("export bytes: returns any range unchanged, in any order and at any chunk boundaries", async () => {
  const ends = [
    0,
    1,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES,
    3 * CHUNK_BYTES - 7,
    3 * CHUNK_BYTES,
    BYTES.length - 1,
    BYTES.length,
  ];
  const ranges = ends.flatMap((begin) => ends.filter((end) => end >= begin).map((end) => [begin, end] as const));
  const file = new Blob([BYTES]);
  for (const bytes of [await hashed(file), await opened(file.stream(), undefined), await opened(BYTES, undefined)]) {
    const all = await Promise.all(ranges.toReversed().map(([begin, end]) => read(bytes, begin, end)));
    for (const [nth, [begin, end]] of ranges.toReversed().entries()) {
      assert.ok(Buffer.from(all[nth] ?? []).equals(BYTES.subarray(begin, end)), `${begin} to ${end}`);
    }
  }
});

test("export bytes: reads unchanged parts of a modified file and rejects changed ones", async () => {
  const other = BYTES.slice();
  other[2 * CHUNK_BYTES] = (other[2 * CHUNK_BYTES] ?? 0) ^ 1;
  const changed = { code: "source.unreadable", message: "the file changed after it was verified" };
  const file = await hashed(new Blob([BYTES]), new Blob([other]));
  await assert.rejects(read(file, 2 * CHUNK_BYTES + 5, 2 * CHUNK_BYTES + 6), changed);
  await assert.rejects(read(file, 0, BYTES.length), changed);
  assert.deepEqual(
    await read(file, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 9),
    BYTES.subarray(3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 9),
  );
  const cut = await hashed(new Blob([BYTES]), new Blob([BYTES.subarray(0, -1)]));
  await assert.rejects(read(cut, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 9), changed);
  assert.deepEqual(await read(cut, 9, 19), BYTES.subarray(9, 19));
  await assert.rejects(read(file, BYTES.length, BYTES.length + 1));
});

test("export bytes: waits for the hash of a chunk", async () => {
  const file = new ExportBytes(new Blob([BYTES]));
  const reading = read(file, 5, 9);
  file.know(0, await crypto.subtle.digest("SHA-256", BYTES.subarray(0, CHUNK_BYTES)));
  assert.deepEqual(await reading, BYTES.subarray(5, 9));
});

/** Builds an index of an export's events, which it reads from the export or receives. */
async function indexOf(t: TestContext, source: Source, trust: string, threads: number, isOpened = true) {
  const index = threaded();
  t.after(() => index.close());
  let batches = 0;
  const { report } = await verify(isOpened ? index.open(source) : source, {
    trust,
    threads,
    onEvents: async ({ bytes }) => {
      batches += 1;
      await index.add(bytes as Uint8Array<ArrayBuffer>);
    },
  });
  assert.equal(report.verdict, "verified");
  assert.ok(batches > 0);
  await index.settle();
  await index.ask("", { by: "place", descending: false }, () => {});
  return index;
}

async function told(index: EventIndex) {
  const lines: string[] = [];
  for (let segment = 0; ; segment += 1) {
    const more = await index.lines(segment);
    if (more === undefined) {
      break;
    }
    lines.push(...(await new Blob([...more]).text()).split("\n").slice(0, -1));
  }
  const found = await index.ask("note:*needle*", { by: "place", descending: false }, () => {});
  const needles = "events" in found ? found.events : found;
  await index.ask("", { by: "place", descending: false }, () => {});
  const csv = await (await index.save("csv", () => {})).text();
  return { lines: lines.sort(), needles, csv, row: await index.row(7) };
}

const NOTE = "a note that is too long for a column, ".repeat(300);
const eventAt = (seq: number, chain: number) =>
  JSON.stringify({ action: "job.run", actor: { id: `u_${chain}` }, note: seq % 50 === 0 ? `${NOTE}needle` : "ü", seq });

test("index: an index that reads events from the export equals one that receives them", async (t) => {
  const { bytes, trust } = exportOf({ chains: 5, events: 800, eventAt });
  const wanted = await told(await indexOf(t, bytes, trust, 0, false));
  assert.equal(wanted.lines.length, 4000);
  assert.equal(wanted.needles, 80);
  const reserialized = Buffer.from(bytes).toString().replaceAll('"action":', '"action": ');
  for (const [what, source] of Object.entries({
    file: () => new Blob([bytes]),
    stream: () => new Blob([bytes]).stream(),
    response: () => new Response(bytes),
    compressed: () => new Blob([gzipSync(bytes)]),
    // Events that are only valid in canonical form have no position.
    reserialized: () => new Blob([reserialized]),
  })) {
    for (const threads of [0, 2]) {
      const { row, ...others } = await told(await indexOf(t, source(), trust, threads));
      const { row: wantedRow, ...wantedOthers } = wanted;
      assert.deepEqual(others, wantedOthers, `${what}, ${threads} threads`);
      assert.deepEqual({ ...row, place: undefined }, { ...wantedRow, place: undefined });
    }
  }
});

test("index: shows no unverified bytes of a modified file", async (t) => {
  const { bytes, trust } = exportOf({ eventAt });
  const forged = Buffer.from(bytes).toString().replaceAll('"u_1"', '"u_7"');
  for (const threads of [0, 2]) {
    // The original is verified, while workers read a modified copy.
    const file = Object.assign(new Blob([forged]), { stream: () => new Blob([bytes]).stream() });
    const index = await indexOf(t, file, trust, threads);
    await assert.rejects(index.row(7), { code: "source.unreadable" });
    await assert.rejects(index.lines(0), { code: "source.unreadable" });
    await assert.rejects(
      index.save("csv", () => {}),
      { code: "source.unreadable" },
    );
    const found = await index.ask("actor:u_1", { by: "place", descending: false }, () => {});
    assert.equal("events" in found && found.events, 1000);
  }
});
