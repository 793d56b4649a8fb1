import type { Ranges } from "@countersign/ui/viewer/parts/ranges.js";

export type { Ranges } from "@countersign/ui/viewer/parts/ranges.js";

/** Entries from the first index up to, but not including, the second. */
export type Range = readonly [begin: number, end: number];

export function* each(ranges: Ranges): Generator<Range> {
  for (let place = 0; place + 1 < ranges.length; place += 2)
    yield [ranges[place] ?? 0, ranges[place + 1] ?? 0];
}

/** Returns the number of entries. */
export function entryCount(ranges: Ranges): number {
  let sum = 0;
  for (const [begin, end] of each(ranges)) sum += end - begin;
  return sum;
}

/** Returns the entries that are in `one` and not in `other`. */
export function without(one: Ranges, other: Ranges): Ranges {
  return swept(one, other, (inOne, inOther) => inOne && !inOther);
}

/** Returns the entries that are in both. */
export function both(one: Ranges, other: Ranges): Ranges {
  return swept(one, other, (inOne, inOther) => inOne && inOther);
}

/** Returns the entries that are in any of them. */
export function union(all: readonly Ranges[]): Ranges {
  return all.reduce(
    (sum, more) => swept(sum, more, (inOne, inOther) => inOne || inOther),
    new Float64Array(),
  );
}

/** Sweeps along both ranges at once. */
function swept(one: Ranges, other: Ranges, isIn: (inOne: boolean, inOther: boolean) => boolean): Ranges {
  const found: number[] = [];
  let [at, place, otherPlace, isOpen] = [0, 0, 0, false];
  while (place < one.length || otherPlace < other.length) {
    at = Math.min(one[place] ?? Number.POSITIVE_INFINITY, other[otherPlace] ?? Number.POSITIVE_INFINITY);
    // Bounds at the same position, an end and a begin, cancel out.
    while (one[place] === at) place += 1;
    while (other[otherPlace] === at) otherPlace += 1;
    const now = isIn(place % 2 === 1, otherPlace % 2 === 1);
    if (now === isOpen) continue;
    found.push(at);
    isOpen = now;
  }
  return Float64Array.from(found);
}
