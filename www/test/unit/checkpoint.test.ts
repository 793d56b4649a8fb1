import assert from "node:assert/strict";
import { test } from "node:test";
import { readCheckpoint } from "../../src/input/checkpoint.ts";

const ROOT = "HpQxLmBSgSpRXEAqbnQ4ks5t/0Dj7bKZVX6n9Uw9pko=";

test("readCheckpoint: accepts pins with and without extension lines", () => {
  const expected = { origin: "log.example/audit", size: 15, root: ROOT };
  for (const extension of ["", "- extension\n"]) {
    const pin = `log.example/audit\n15\n${ROOT}\n${extension}\n— log.example/audit jj6ON8s=\n`;
    assert.deepEqual(readCheckpoint(pin), expected);
    // A head proof has the same lines after its first.
    assert.deepEqual(readCheckpoint(`countersign/v1 head\n${pin}`), expected);
  }
  for (const text of [
    "",
    "quorum none\n",
    `log.example/audit\n15\n${ROOT}`,
    `log.example/audit\nmany\n${ROOT}\n\n`,
  ])
    assert.equal(readCheckpoint(text), undefined);
});
