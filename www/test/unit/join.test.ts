import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { join } from "../../src/input/join.ts";

const HEADER = '{"countersign":"export/v1","origin":"log.example/a"}\n';
const LINES = '{"link":"a"}\n{"link":"b"}\n{"link":"c"}\n';
const file = (name: string, content: string | Uint8Array<ArrayBuffer>) => new File([content], name);

async function joined(files: readonly File[]): Promise<[string, readonly string[]][]> {
  return (await join(files)).map(({ file, of }) => [file.name, of]);
}

test("join: joins the pieces of a file in the order of their names", async () => {
  const text = HEADER + LINES;
  const cut = (begin: number, end: number) => text.slice(begin, end);
  const pieces = [
    file("export.ndjson.ac", cut(70, 200)),
    file("export.ndjson.aa", cut(0, 30)),
    file("export.ndjson.ab", cut(30, 70)),
  ];
  const [whole, ...more] = await join(pieces);
  assert.deepEqual(more, []);
  assert.equal(whole?.file.name, "export.ndjson");
  assert.deepEqual(whole?.of, ["export.ndjson.aa", "export.ndjson.ab", "export.ndjson.ac"]);
  assert.equal(await whole?.file.text(), text);
});

test("join: orders numbers numerically and accepts pieces of compressed files", async () => {
  const bytes = new Uint8Array(gzipSync(HEADER + LINES));
  const pieces = Array.from({ length: 12 }, (_, piece) =>
    file(`log.gz.${piece + 1}`, bytes.slice(piece * 8, piece === 11 ? undefined : piece * 8 + 8)),
  );
  const [whole] = await join([...pieces].reverse());
  assert.deepEqual(new Uint8Array((await whole?.file.arrayBuffer()) ?? new ArrayBuffer()), bytes);
});

test("join: keeps several exports apart, whatever their names", async () => {
  const exports = [file("log-2026-10", HEADER), file("log-2026-09", HEADER), file("other.ndjson", HEADER)];
  assert.deepEqual(await joined(exports), [
    ["log-2026-09", []],
    ["log-2026-10", []],
    ["other.ndjson", []],
  ]);
});

test("join: leaves pieces alone without the first one", async () => {
  assert.equal((await join([file("x.ab", LINES), file("x.ac", LINES)])).length, 2);
  assert.equal((await join([file("x.aa", LINES), file("x.ab", HEADER)])).length, 2);
  assert.deepEqual(await joined([file("export.001", HEADER)]), [["export.001", []]]);
});
