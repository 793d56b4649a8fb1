/** Tests the storage of events' bytes in an index. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Blobs } from "../../packages/ui/dist/index/blobs.js";

const PARTS = ["one, ", "", "two and three, ", "four"];
const WHOLE = PARTS.join("");

function kept(): Blobs {
  const blobs = new Blobs();
  blobs.keep([new Blob(["another"])]);
  blobs.keep(PARTS.map((part) => new Blob([part])));
  return blobs;
}

test("blobs: both ways of reading a range return the same, at any boundaries", async () => {
  const blobs = kept();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  for (let begin = 0; begin < WHOLE.length; begin += 1) {
    for (let end = WHOLE.length; end > begin; end -= 1) {
      assert.equal(text(await blobs.readTransient(2, begin, end)), WHOLE.slice(begin, end));
      assert.equal(text(await blobs.read(2, begin, end)), WHOLE.slice(begin, end));
    }
  }
});
