/** The rows of a result, read ahead of the scroll position. */

import { PAGE } from "../../index/page.js";
import type { EventIndex, Row } from "../../index/types.js";

/** Pages read at the same time: few, so that the next ones needn't wait long. */
const MAX_CONCURRENT = 2;
/** Pages read ahead of the scroll position; one more is read behind it. */
const PAGES_AHEAD = 3;
/** Maximum characters of events kept, besides the pages needed now. */
const MAX_CHARS = 8_000_000;

/** The rows of a result. */
export class RowPages {
  /** Number of rows. */
  readonly size: number;
  readonly #index: Pick<EventIndex, "rows">;
  /** Fields whose values are read. */
  readonly #fields: readonly string[];
  readonly #onRows: () => void;
  /** Ordered by last use; the oldest is first. */
  readonly #pages = new Map<number, readonly Row[]>();
  readonly #reading = new Set<number>();
  /** Pages of an earlier report of the result, shown until they are read again. */
  readonly #stale = new Set<number>();
  #chars = 0;
  #wanted: number[] = [];
  /** True if rows couldn't be read. */
  isLost: boolean = false;

  /** `onRows` is called whenever rows arrive. `first` are the rows of the first page, if known. */
  constructor(
    index: Pick<EventIndex, "rows">,
    size: number,
    fields: readonly string[],
    onRows: () => void,
    first?: readonly Row[],
  ) {
    this.#index = index;
    this.#fields = fields;
    this.size = size;
    this.#onRows = onRows;
    if (first !== undefined) {
      this.#keep(0, first);
    }
  }

  /** Returns a row, if it was read. */
  get(row: number): Row | undefined {
    return this.#pages.get(Math.floor(row / PAGE))?.[row % PAGE];
  }

  /** True if all rows in `[first, last)` were read. */
  has(first: number, last: number): boolean {
    return this.#span(first, last).every((page) => this.#pages.has(page));
  }

  /** Reads the rows in `[first, last)`, then those likely to be scrolled to next. */
  want(first: number, last: number, way: 1 | -1): void {
    const seen = this.#span(first, last);
    const [top, end] = [seen[0] ?? 0, seen.at(-1) ?? 0];
    const next = Array.from({ length: PAGES_AHEAD }, (_, step) => (way > 0 ? end + 1 + step : top - 1 - step));
    const behind = way > 0 ? top - 1 : end + 1;
    this.#wanted = [...seen, ...next, behind].filter((page) => page >= 0 && page * PAGE < this.size);
    for (const page of this.#wanted.toReversed()) {
      this.#use(page);
    }
    this.#read();
  }

  /** Returns the rows of a newer report of the result. Known rows are shown until they are read again. */
  resized(size: number, fields: readonly string[]): RowPages {
    const more = new RowPages(this.#index, size, fields, this.#onRows);
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
      if (this.#reading.size >= MAX_CONCURRENT || this.isLost) {
        return;
      }
      if (!this.#reading.has(page) && (!this.#pages.has(page) || this.#stale.has(page))) {
        this.#reading.add(page);
        void this.#load(page);
      }
    }
  }

  async #load(page: number): Promise<void> {
    try {
      this.#keep(page, await this.#index.rows(page * PAGE, Math.min(this.size, (page + 1) * PAGE), this.#fields));
    } catch {
      this.isLost = true;
    }
    this.#reading.delete(page);
    this.#onRows();
    this.#read();
  }

  #keep(page: number, read: readonly Row[]): void {
    const before = this.#pages.get(page) ?? [];
    // Equal rows keep their identity, so that they aren't rendered again.
    const rows = read.map((row, place) => (isSame(before[place], row) ? (before[place] ?? row) : row));
    this.#chars += weight(rows) - weight(before);
    this.#pages.set(page, rows);
    this.#stale.delete(page);
    for (const [oldest, old] of this.#pages) {
      if (this.#chars <= MAX_CHARS) {
        return;
      }
      if (oldest !== page && !this.#wanted.includes(oldest)) {
        this.#pages.delete(oldest);
        this.#chars -= weight(old);
      }
    }
  }

  /** Moves a page to the end of the map, which iterates in insertion order. */
  #use(page: number): void {
    const rows = this.#pages.get(page);
    if (rows !== undefined) {
      this.#pages.delete(page);
      this.#pages.set(page, rows);
    }
  }
}

/** True if the rows are equal. A line of the export never changes; only a gap or a fold can grow. */
function isSame(a: Row | undefined, b: Row): boolean {
  return a?.line === b.line && a.kind === b.kind && b.kind !== "gap" && b.kind !== "fold" && hasSameFields(a, b);
}

function hasSameFields(a: Row, b: Row): boolean {
  return a.kind !== "event" || b.kind !== "event" || [...a.fields].join("\n") === [...b.fields].join("\n");
}

/** Approximate characters of a row without field values. */
const ROW_CHARS = 600;

function weight(rows: readonly Row[]): number {
  const fields = (row: Row) => (row.kind === "event" ? [...row.fields.values()].flat() : []);
  return rows.reduce((sum, row) => sum + ROW_CHARS + fields(row).join().length, 0);
}
