import type { Mark } from "../verify/marks.js";
import { Asking, type Shelved } from "./asking.js";
import { coverage, leavesOf } from "./coverage.js";
import type { Numbers } from "./numbers.js";
import { Order as Sorted } from "./order.js";
import { rowsAt } from "./rows.js";
import { save } from "./save.js";
import { type Doubts, standings } from "./standing.js";
import { COLUMNS, EVENT, Table, WITHHELD } from "./table.js";
import { Texts } from "./texts.js";
import type { Column, ColumnValue, Coverage, Found, Order, Query, Row, SavedAs } from "./types.js";

/** The shelf itself: what the worker does for a page. */
export class Keeper implements Shelved {
  readonly table: Table;
  readonly texts: Texts;
  readonly byPlace: Sorted;
  readonly byTime: Sorted;
  readonly #failed: (question: number, error: unknown) => void;
  #asking: Asking | undefined;
  #question = 0;

  /** `failed` hears of a question that cannot be answered any more. */
  constructor(failed: (question: number, error: unknown) => void, table = new Table()) {
    this.#failed = failed;
    this.table = table;
    this.texts = new Texts(table.places, table.lengths);
    const { lines, times } = table;
    this.byPlace = new Sorted((one, other) => lines.get(one) < lines.get(other));
    this.byTime = new Sorted((one, other) => {
      const [time, otherTime] = [times.get(one), times.get(other)];
      return time < otherTime || (time === otherTime && lines.get(one) < lines.get(other));
    });
  }

  add(batch: Uint8Array<ArrayBuffer>): void {
    this.table.add(batch, this.texts);
    this.#more();
  }

  mark(marks: readonly Mark[]): void {
    for (const mark of marks) {
      this.table.mark(mark);
    }
    this.#more();
  }

  settle(): void {
    this.byPlace.sorted(this.table.size);
    this.#run();
  }

  ask(question: number, query: Query, order: Order, tell: (found: Found) => void): void {
    const before = this.#asking;
    before?.end();
    // Rows in another order are not looked for anew.
    const isSame = before !== undefined && JSON.stringify(before.search.query) === JSON.stringify(query);
    this.#question = question;
    this.#asking = new Asking(this, question, query, order, isSame ? before.search : undefined, tell);
    this.#run();
  }

  async rows(from: number, to: number): Promise<Row[]> {
    const rows = this.#asking?.rows.subarray(Math.max(0, from), Math.max(0, to)) ?? new Uint32Array(0);
    return rowsAt(rows, this.table, this.texts);
  }

  values(column: Column | undefined, text: string): ColumnValue[] {
    return this.#asking?.search.facets.like(column === undefined ? COLUMNS : [column], text) ?? [];
  }

  rowOf(line: number): number | undefined {
    const row = this.#at(this.table.lines, line);
    const found = row === undefined ? -1 : (this.#asking?.rows.indexOf(row) ?? -1);
    return found < 0 ? undefined : found;
  }

  lineOf(index: number): number | undefined {
    const row = this.#at(this.table.indexes, index);
    const kind = row === undefined ? undefined : this.table.kinds.get(row);
    return row !== undefined && (kind === EVENT || kind === WITHHELD) ? this.table.lines.get(row) : undefined;
  }

  indexes(): Float64Array<ArrayBuffer> {
    return leavesOf(this.table, this.#asking?.rows ?? new Uint32Array(0)).sort();
  }

  coverage(): Coverage {
    return coverage(this.table, this.byPlace.sorted(this.table.size));
  }

  /** Saves the events of the newest answer as it is now. */
  save(as: SavedAs, doubts: Doubts | undefined, told: (events: number) => void): Promise<Blob> {
    const rows = this.#asking?.rows ?? new Uint32Array(0);
    const events = rows.filter((row) => this.table.kinds.get(row) === EVENT);
    return save(as, events, standings(doubts), this.table, this.texts, told);
  }

  /** The row with this number in a column that ascends with the lines. */
  #at(column: Numbers, number: number): number | undefined {
    const byPlace = this.byPlace.sorted(this.table.size);
    let low = 0;
    let high = byPlace.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (column.get(byPlace[middle] ?? 0) < number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const row = byPlace[low];
    return row !== undefined && column.get(row) === number ? row : undefined;
  }

  #run(): void {
    const question = this.#question;
    this.#asking?.run().catch((error) => this.#failed(question, error));
  }

  #more(): void {
    const question = this.#question;
    this.#asking?.more((error) => this.#failed(question, error));
  }
}
