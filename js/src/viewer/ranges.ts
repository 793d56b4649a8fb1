/** Leaves of a log: `[begin, end)` pairs, ascending, apart from each other. */
export type Ranges = Float64Array;

/** Whether a leaf is in it. */
export function holds(ranges: Ranges, leaf: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle] ?? 0) <= leaf) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low % 2 === 1;
}
