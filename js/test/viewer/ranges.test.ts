import assert from "node:assert/strict";
import { test } from "node:test";
import { containsEntry } from "../../packages/ui/dist/viewer/parts/ranges.js";

test("containsEntry: a range includes its begin and excludes its end", () => {
  const held = (...bounds: number[]) =>
    Array.from({ length: 8 }, (_, leaf) => leaf).filter((leaf) => containsEntry(Float64Array.from(bounds), leaf));
  assert.deepEqual(held(), []);
  assert.deepEqual(held(0, 2, 5, 6), [0, 1, 5]);
  assert.deepEqual(held(3, 99), [3, 4, 5, 6, 7]);
});
