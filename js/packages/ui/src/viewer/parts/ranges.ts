/** Leaves of a log: `[begin, end)` pairs, ascending, apart from each other. */
export type Ranges = Float64Array;

/** Where the first number stands, of ascending ones, that is not below this one. */
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

/** Whether a leaf is in it. */
export function holds(ranges: Ranges, leaf: number): boolean {
  return firstFrom(ranges, leaf + 1) % 2 === 1;
}
