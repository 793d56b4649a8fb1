/** Rows of one answer, read ahead of the scroll. */

import { PAGE } from "../../index/page.js";
import type { EventIndex, Row } from "../../index/types.js";

/** So many pages are read at the same time: few, so that what is scrolled to next need not wait long. */
const AT_ONCE = 2;
/** So many pages are read ahead of the scroll, and one behind it. */
const AHEAD = 3;
/** So many characters of events are kept, and the pages wanted now in any case. */
const KEPT = 8_000_000;

/** Rows of one answer of an index. */
export class RowPages {
  /** How many rows there are. */
  readonly size: number;
  readonly #index: Pick<EventIndex, "rows">;
  /** Whose values are read. */
  readonly #fields: readonly string[];
  readonly #told: () => void;
  /** The one used longest ago comes first. */
  readonly #pages = new Map<number, readonly Row[]>();
  readonly #reading = new Set<number>();
  /** Pages of an earlier telling of the answer: shown until they are read anew. */
  readonly #stale = new Set<number>();
  #kept = 0;
  #wanted: number[] = [];
  /** Whether rows could not be read. */
  isLost: boolean = false;

  /** `told` is called whenever rows came. `first` are the rows of the first page, where they are here. */
  constructor(
    index: Pick<EventIndex, "rows">,
    size: number,
    fields: readonly string[],
    told: () => void,
    first?: readonly Row[],
  ) {
    this.#index = index;
    this.#fields = fields;
    this.size = size;
    this.#told = told;
    if (first !== undefined) {
      this.#keep(0, first);
    }
  }

  /** A row, where it was read. */
  get(row: number): Row | undefined {
    return this.#pages.get(Math.floor(row / PAGE))?.[row % PAGE];
  }

  /** Whether all rows in `[first, last)` were read. */
  has(first: number, last: number): boolean {
    return this.#span(first, last).every((page) => this.#pages.has(page));
  }

  /** Reads the rows in `[first, last)`, and then those that are scrolled to next. */
  want(first: number, last: number, way: 1 | -1): void {
    const seen = this.#span(first, last);
    const [top, end] = [seen[0] ?? 0, seen.at(-1) ?? 0];
    const next = Array.from({ length: AHEAD }, (_, step) => (way > 0 ? end + 1 + step : top - 1 - step));
    const behind = way > 0 ? top - 1 : end + 1;
    this.#wanted = [...seen, ...next, behind].filter((page) => page >= 0 && page * PAGE < this.size);
    for (const page of this.#wanted.toReversed()) {
      this.#use(page);
    }
    this.#read();
  }

  /** The same answer told again: what was read is shown until it is read anew. */
  grown(size: number, fields: readonly string[]): RowPages {
    const more = new RowPages(this.#index, size, fields, this.#told);
    for (const [page, rows] of this.#pages) {
      more.#keep(page, rows);
      more.#stale.add(page);
    }
    return more;
  }

  #span(first: number, last: number): number[] {
    const from = Math.floor(Math.max(0, first) / PAGE);
    const to = Math.ceil(Math.min(last, this.size) / PAGE);
    return Array.from({ length: Math.max(0, to - from) }, (_, place) => from + place);
  }

  #read(): void {
    for (const page of this.#wanted) {
      if (this.#reading.size >= AT_ONCE || this.isLost) {
        return;
      }
      if (!this.#reading.has(page) && (!this.#pages.has(page) || this.#stale.has(page))) {
        this.#reading.add(page);
        void this.#take(page);
      }
    }
  }

  async #take(page: number): Promise<void> {
    try {
      this.#keep(page, await this.#index.rows(page * PAGE, Math.min(this.size, (page + 1) * PAGE), this.#fields));
    } catch {
      this.isLost = true;
    }
    this.#reading.delete(page);
    this.#told();
    this.#read();
  }

  #keep(page: number, read: readonly Row[]): void {
    const before = this.#pages.get(page) ?? [];
    // What is the same stays the same object, so that nothing is drawn anew.
    const rows = read.map((row, place) => (isSame(before[place], row) ? (before[place] ?? row) : row));
    this.#kept += weight(rows) - weight(before);
    this.#pages.set(page, rows);
    this.#stale.delete(page);
    for (const [oldest, old] of this.#pages) {
      if (this.#kept <= KEPT) {
        return;
      }
      if (oldest !== page && !this.#wanted.includes(oldest)) {
        this.#pages.delete(oldest);
        this.#kept -= weight(old);
      }
    }
  }

  /** A map iterates in the order of insertion. */
  #use(page: number): void {
    const rows = this.#pages.get(page);
    if (rows !== undefined) {
      this.#pages.delete(page);
      this.#pages.set(page, rows);
    }
  }
}

/** A line of the export is what it is; only a gap, or a fold, can become longer. */
function isSame(one: Row | undefined, other: Row): boolean {
  return (
    one?.line === other.line &&
    one.kind === other.kind &&
    other.kind !== "gap" &&
    other.kind !== "fold" &&
    hasSameFields(one, other)
  );
}

function hasSameFields(one: Row, other: Row): boolean {
  return one.kind !== "event" || other.kind !== "event" || [...one.fields].join("\n") === [...other.fields].join("\n");
}

/** What a row takes beside the values of fields. */
const ROW = 600;

function weight(rows: readonly Row[]): number {
  const fields = (row: Row) => (row.kind === "event" ? [...row.fields.values()].flat() : []);
  return rows.reduce((sum, row) => sum + ROW + fields(row).join().length, 0);
}
