/** What is known of each row under a query, as bits: nothing is set for an event that was found. */

import { BLOCK } from "./numbers.js";
import { COLUMNS } from "./table.js";
import type { Column } from "./types.js";

/** A condition on this column does not hold. */
export function bitOf(column: Column): number {
  return 1 << COLUMNS.indexOf(column);
}

/** Something other than a column's condition does not hold. */
export const ELSE = 1 << 7;
/** All that can fail. */
export const FAILS = 0xff;
/** It is no event. */
export const NO_EVENT = 1 << 8;
/** It is a gap: whether it is a row is known when its neighbours are. */
export const IS_GAP = 1 << 9;
/** The event must be read before it is found. */
export const UNREAD = 1 << 10;
/** The row is no row of the answer, whatever else. */
export const NEVER = FAILS | NO_EVENT;

/** Whether it is a row of the answer. */
export function isFound(mask: number): boolean {
  return (mask & (FAILS | UNREAD | IS_GAP)) === 0;
}

/** Whether at most one column's condition fails: such an event counts for a facet. */
export function isNear(mask: number): boolean {
  const fails = mask & FAILS;
  return fails < ELSE && (fails & (fails - 1)) === 0;
}

/** The masks of rows, in blocks as the numbers of columns are. */
export class Masks {
  readonly blocks: Uint16Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Grows to a length by masks of nothing. */
  extend(length: number): void {
    while (this.blocks.length * BLOCK < length) {
      this.blocks.push(new Uint16Array(BLOCK));
    }
    this.#length = length;
  }

  get(row: number): number {
    return this.blocks[row >>> 16]?.[row & (BLOCK - 1)] ?? NEVER;
  }

  set(row: number, mask: number): void {
    const block = this.blocks[row >>> 16];
    if (block !== undefined) {
      block[row & (BLOCK - 1)] = mask;
    }
  }
}
