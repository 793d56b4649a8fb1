/** Whether one row comes before another. */
export type Before = (one: number, other: number) => boolean;

/**
 * The rows there are in an order of their own. What comes in anew is sorted by itself and merged with as much of the
 * rest as it falls between, so that it costs little where rows come nearly in order.
 */
export class Order {
  readonly #before: Before;
  #rows = new Uint32Array(1 << 10);
  #spare = new Uint32Array(0);
  #size = 0;

  constructor(before: Before) {
    this.#before = before;
  }

  /** The rows from 0 up to `size`, sorted. */
  sorted(size: number): Uint32Array {
    let runs = this.#take(size);
    while (runs.length > 2) {
      runs = this.#mergePairs(runs);
    }
    const [begin = size] = runs;
    if (begin < size) {
      this.#merge(0, begin, size);
    }
    return this.#rows.subarray(0, size);
  }

  /** Appends the new rows, and gives where each ascending run after the first begins, and the end. */
  #take(size: number): number[] {
    if (size > this.#rows.length) {
      const rows = new Uint32Array(Math.max(size, Math.ceil(this.#rows.length * 1.5)));
      rows.set(this.#rows.subarray(0, this.#size));
      this.#rows = rows;
    }
    const runs = [];
    for (let row = this.#size; row < size; row += 1) {
      this.#rows[row] = row;
      if (row > 0 && this.#before(row, this.#rows[row - 1] ?? 0)) {
        runs.push(row);
      }
    }
    runs.push(size);
    this.#size = size;
    return runs;
  }

  #mergePairs(runs: readonly number[]): number[] {
    const merged = [];
    for (let run = 0; run + 1 < runs.length; run += 2) {
      const begin = runs[run] ?? 0;
      merged.push(begin);
      const end = runs[run + 2];
      if (end !== undefined) {
        this.#merge(begin, runs[run + 1] ?? 0, end);
      }
    }
    merged.push(runs.at(-1) ?? 0);
    return merged;
  }

  #merge(begin: number, middle: number, end: number): void {
    const rows = this.#rows;
    const from = this.#firstAfter(begin, middle, rows[middle] ?? 0);
    const length = middle - from;
    if (length > this.#spare.length) {
      this.#spare = new Uint32Array(length);
    }
    const left = this.#spare;
    left.set(rows.subarray(from, middle));
    let right = middle;
    let write = from;
    for (let at = 0; at < length; write += 1) {
      const one = left[at] ?? 0;
      const other = rows[right] ?? 0;
      if (right < end && this.#before(other, one)) {
        rows[write] = other;
        right += 1;
      } else {
        rows[write] = one;
        at += 1;
      }
    }
  }

  /** The first place within a sorted part whose row comes after this one. */
  #firstAfter(begin: number, end: number, row: number): number {
    let low = begin;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#before(row, this.#rows[middle] ?? 0)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
