import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { linesOf } from "../../src/state/lines.ts";

const TEXT = "first\nsecond\r\n\nfourth é\nlast";

test("linesOf: finds lines by number with any line end, compressed or not", async () => {
  for (const bytes of [Buffer.from(TEXT), gzipSync(TEXT)]) {
    const lines = await linesOf(new Blob([bytes]), [2, 4, 5, 9]);
    assert.deepEqual(
      [...lines].map(([line, { text, isCut }]) => [line, text, isCut]),
      [
        [2, "second", false],
        [4, "fourth é", false],
        [5, "last", false],
      ],
    );
  }
});

test("linesOf: cuts a line at its limit", async () => {
  const { text = "", isCut } = (await linesOf(new Blob(["x".repeat(1 << 20), "\nnext\n"]), [1])).get(1) ?? {};
  assert.ok(isCut);
  assert.equal(text.length, 64 << 10);
});
