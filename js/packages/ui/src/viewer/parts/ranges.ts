/** Entries of a log, as disjoint `[begin, end)` pairs, ascending. */
export type Ranges = Float64Array;

/** Returns the index of the first of the ascending numbers that isn't below `least`. */
export function firstFrom(ascending: Float64Array, least: number): number {
  let [from, to] = [0, ascending.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((ascending[middle] ?? 0) < least) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

/** True if the ranges contain an entry. */
export function containsEntry(ranges: Ranges, index: number): boolean {
  return firstFrom(ranges, index + 1) % 2 === 1;
}
