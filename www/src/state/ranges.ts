import type { Ranges } from "@countersign/ui/viewer/parts/ranges.js";

export type { Ranges } from "@countersign/ui/viewer/parts/ranges.js";

/** Leaves from the first up to, and not including, the second. */
export type Range = readonly [begin: number, end: number];

export function* each(ranges: Ranges): Generator<Range> {
  for (let place = 0; place + 1 < ranges.length; place += 2)
    yield [ranges[place] ?? 0, ranges[place + 1] ?? 0];
}

/** How many leaves there are. */
export function leaves(ranges: Ranges): number {
  let sum = 0;
  for (const [begin, end] of each(ranges)) sum += end - begin;
  return sum;
}

/** What is in one and not in the other. */
export function without(one: Ranges, other: Ranges): Ranges {
  return swept(one, other, (inOne, inOther) => inOne && !inOther);
}

/** What is in both. */
export function both(one: Ranges, other: Ranges): Ranges {
  return swept(one, other, (inOne, inOther) => inOne && inOther);
}

/** What is in any. */
export function union(all: readonly Ranges[]): Ranges {
  return all.reduce(
    (sum, more) => swept(sum, more, (inOne, inOther) => inOne || inOther),
    new Float64Array(),
  );
}

/** Goes along both at once. */
function swept(one: Ranges, other: Ranges, isIn: (inOne: boolean, inOther: boolean) => boolean): Ranges {
  const found: number[] = [];
  let [at, place, otherPlace, isOpen] = [0, 0, 0, false];
  while (place < one.length || otherPlace < other.length) {
    at = Math.min(one[place] ?? Number.POSITIVE_INFINITY, other[otherPlace] ?? Number.POSITIVE_INFINITY);
    // Several bounds of one place, an end and a beginning, come to nothing.
    while (one[place] === at) place += 1;
    while (other[otherPlace] === at) otherPlace += 1;
    const now = isIn(place % 2 === 1, otherPlace % 2 === 1);
    if (now === isOpen) continue;
    found.push(at);
    isOpen = now;
  }
  return Float64Array.from(found);
}
