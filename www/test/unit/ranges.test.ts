import assert from "node:assert/strict";
import { test } from "node:test";
import { hidden } from "../../src/state/difference.ts";
import { both, entryCount, union, without } from "../../src/state/ranges.ts";

const ranges = (...bounds: number[]) => Float64Array.from(bounds);

function has(list: Float64Array, leaf: number): boolean {
  return list.some((begin, place) => place % 2 === 0 && begin <= leaf && leaf < (list[place + 1] ?? 0));
}

/** Computes the same entry by entry. */
function slowly(one: Float64Array, other: Float64Array, isIn: (a: boolean, b: boolean) => boolean): number[] {
  return Array.from({ length: 40 }, (_, leaf) => leaf).filter((leaf) =>
    isIn(has(one, leaf), has(other, leaf)),
  );
}

function spread(list: Float64Array): number[] {
  return Array.from({ length: 40 }, (_, leaf) => leaf).filter((leaf) => has(list, leaf));
}

/** Pseudorandom numbers that are the same each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function some(next: () => number): Float64Array {
  const bounds: number[] = [];
  for (let at = Math.floor(next() * 5); at < 38; at += 1 + Math.floor(next() * 6)) bounds.push(at);
  return Float64Array.from(bounds.length % 2 ? bounds.slice(1) : bounds);
}

test("ranges: difference, intersection, and union match those of their entries", () => {
  const next = numbers(7);
  for (let round = 0; round < 300; round += 1) {
    const [one, other] = [some(next), some(next)];
    assert.deepEqual(
      spread(without(one, other)),
      slowly(one, other, (a, b) => a && !b),
    );
    assert.deepEqual(
      spread(both(one, other)),
      slowly(one, other, (a, b) => a && b),
    );
    assert.deepEqual(
      spread(union([one, other])),
      slowly(one, other, (a, b) => a || b),
    );
    const kept = without(one, other);
    assert.ok(kept.every((bound, place) => place === 0 || bound > (kept[place - 1] ?? 0)));
  }
});

test("ranges: adjacent ones merge, and empty ones vanish", () => {
  assert.deepEqual(union([ranges(0, 3), ranges(3, 5)]), ranges(0, 5));
  assert.deepEqual(without(ranges(0, 5), ranges(0, 5)), ranges());
  assert.deepEqual(union([]), ranges());
  assert.equal(entryCount(ranges(0, 3, 10, 11)), 4);
});

test("hidden: returns how one export hides what another one shows", () => {
  const nothing = ranges();
  const one = { shown: ranges(0, 20), withheld: nothing, skipped: nothing, end: 20 };
  const other = { shown: ranges(2, 5, 9, 10), withheld: ranges(0, 2), skipped: ranges(5, 8), end: 12 };
  assert.deepEqual(hidden(one, other), [
    { begin: 0, end: 2, as: "withheld" },
    { begin: 5, end: 8, as: "skipped" },
    { begin: 8, end: 9, as: "failed" },
    { begin: 10, end: 12, as: "failed" },
    { begin: 12, end: 20, as: "beyond" },
  ]);
  assert.deepEqual(hidden(other, one), []);
});
