import assert from "node:assert/strict";
import { test } from "node:test";
import { Outline } from "../../packages/ui/dist/analyze/outline.js";

test("Outline: selects findings with at least one of the entries", () => {
  const outline = new Outline();
  for (const [rule, entries] of [
    ["a", [1, 5, 9]],
    ["b", [2]],
    ["a", []],
    ["c", Array.from({ length: 500 }, (_, nth) => 100 + nth)],
  ] as const) {
    outline.add({ rule, level: "low", entries: Float64Array.from(entries) });
  }
  const places = (...entries: number[]) => outline.places(Float64Array.from(entries));
  assert.deepEqual(places(), []);
  assert.deepEqual(places(0, 3, 4, 6, 99, 600), []);
  assert.deepEqual(places(9), [0]);
  assert.deepEqual(places(2, 599), [1, 3]);
  assert.deepEqual(places(...Array.from({ length: 700 }, (_, nth) => nth)), [0, 1, 3]);
  assert.deepEqual([outline.rule(3), outline.rule(4)], ["c", ""]);
  assert.equal(outline.level(0), "low");
});
