/** An export that is verified, and read again for its events. */

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

const PIECE = 256 << 10;
const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
const { verify } = createVerifier({
  module: async () => WebAssembly.compile(await readFile(module)),
  worker: () => thread(script),
});

const BYTES = new Uint8Array(3 * PIECE + 1000).map((_, nth) => (nth * nth) >> 7);

/** An export that was read to its end, and is read again from `file`. */
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
  for (let piece = await reading.next(new ArrayBuffer(PIECE)); piece !== undefined; ) {
    // Who is given it may do with it as they like.
    piece.fill(0);
    await told.at(-1);
    next();
    piece = await reading.next(new ArrayBuffer(PIECE));
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

test("a stretch is read as it stands, wherever pieces end and in any order", async () => {
  const ends = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE - 7, 3 * PIECE, BYTES.length - 1, BYTES.length];
  const stretches = ends.flatMap((begin) => ends.filter((end) => end >= begin).map((end) => [begin, end] as const));
  const file = new Blob([BYTES]);
  for (const bytes of [await hashed(file), await opened(file.stream(), undefined), await opened(BYTES, undefined)]) {
    const all = await Promise.all(stretches.toReversed().map(([begin, end]) => read(bytes, begin, end)));
    for (const [nth, [begin, end]] of stretches.toReversed().entries()) {
      assert.ok(Buffer.from(all[nth] ?? []).equals(BYTES.subarray(begin, end)), `${begin} to ${end}`);
    }
  }
});

test("what changed since is not read, and what did not is", async () => {
  const other = BYTES.slice();
  other[2 * PIECE] = (other[2 * PIECE] ?? 0) ^ 1;
  const changed = { code: "source.unreadable", message: "the file changed after it was verified" };
  const file = await hashed(new Blob([BYTES]), new Blob([other]));
  await assert.rejects(read(file, 2 * PIECE + 5, 2 * PIECE + 6), changed);
  await assert.rejects(read(file, 0, BYTES.length), changed);
  assert.deepEqual(await read(file, 3 * PIECE, 3 * PIECE + 9), BYTES.subarray(3 * PIECE, 3 * PIECE + 9));
  const cut = await hashed(new Blob([BYTES]), new Blob([BYTES.subarray(0, -1)]));
  await assert.rejects(read(cut, 3 * PIECE, 3 * PIECE + 9), changed);
  assert.deepEqual(await read(cut, 9, 19), BYTES.subarray(9, 19));
  await assert.rejects(read(file, BYTES.length, BYTES.length + 1));
});

test("a piece whose hash is not known yet is waited for", async () => {
  const file = new ExportBytes(new Blob([BYTES]));
  const reading = read(file, 5, 9);
  file.know(0, await crypto.subtle.digest("SHA-256", BYTES.subarray(0, PIECE)));
  assert.deepEqual(await reading, BYTES.subarray(5, 9));
});

/** An index of an export's events, which it reads in the export or is given. */
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

test("an index that reads events in the export has what one has that is given them", async (t) => {
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
    // Where an event stands in canonical form alone no place is told.
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

test("of a file that changed since nothing is shown that is not known", async (t) => {
  const { bytes, trust } = exportOf({ eventAt });
  const forged = Buffer.from(bytes).toString().replaceAll('"u_1"', '"u_7"');
  for (const threads of [0, 2]) {
    // It is verified as it was, and what workers get of it is as it is.
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
