/** Where an index keeps events' bytes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Blobs } from "../../dist/index/blobs.js";

const PARTS = ["one, ", "", "two and three, ", "four"];
const WHOLE = PARTS.join("");

function kept(): Blobs {
  const blobs = new Blobs();
  blobs.keep([new Blob(["another"])]);
  blobs.keep(PARTS.map((part) => new Blob([part])));
  return blobs;
}

test("a stretch is the same by either way, wherever parts begin and end", async () => {
  const blobs = kept();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  for (let begin = 0; begin < WHOLE.length; begin += 1) {
    for (let end = WHOLE.length; end > begin; end -= 1) {
      assert.equal(text(await blobs.readPassing(1, begin, end)), WHOLE.slice(begin, end));
      assert.equal(text(await blobs.read(1, begin, end)), WHOLE.slice(begin, end));
    }
  }
});

test("what was kept is given whole, from a number on", async () => {
  const [first, second, ...more] = kept().from(0);
  assert.equal(await first?.text(), "another");
  assert.equal(await second?.text(), WHOLE);
  assert.equal(more.length, 0);
  assert.equal(await kept().from(1)[0]?.text(), WHOLE);
});
