import { Criteria } from "./criteria.js";
import { Facets } from "./facets.js";
import { ELSE, Masks, NO_EVENT, UNREAD } from "./masks.js";
import { BLOCK } from "./numbers.js";
import type { Table } from "./table.js";
import type { Stretch, Texts } from "./texts.js";
import type { Query } from "./types.js";

/** How many chunks are read ahead of the one that is looked through. */
const AHEAD = 3;

/** Rows of a chunk from the first that must be read to the last. */
interface Unread {
  readonly chunk: number;
  readonly first: number;
  readonly last: number;
}

/** What is in no part of a chunk yet. */
const REST = { end: Number.POSITIVE_INFINITY, sieve: undefined };

/** Looks through the rows for one query: by columns a block at a time, then through the events' text a chunk at a time. */
export class Search {
  readonly query: Query;
  readonly masks = new Masks();
  readonly facets: Facets;
  readonly criteria: Criteria;
  /** Events found. */
  found = 0;
  /** Events looked through. */
  searched = 0;
  readonly #table: Table;
  readonly #texts: Texts;
  /** Up to which row each chunk was read. */
  readonly #readTo: number[] = [];
  /** How many events must be read and were not. */
  #unread = 0;
  #reading = Promise.resolve(true);
  /** By chunk. */
  readonly #ahead = new Map<number, Promise<Stretch>>();

  constructor(query: Query, table: Table, texts: Texts) {
    this.query = query;
    this.#table = table;
    this.#texts = texts;
    this.facets = new Facets(table);
    this.criteria = new Criteria(query, table);
  }

  /** Whether events must be read yet. */
  get isReading(): boolean {
    return this.#unread > 0;
  }

  /** Judges more rows by their columns; whether there were any. */
  judge(): boolean {
    const begin = this.masks.length;
    const end = Math.min(this.#table.size, (Math.floor(begin / BLOCK) + 1) * BLOCK);
    if (begin >= end) {
      return false;
    }
    this.masks.extend(end);
    this.criteria.judge(this.masks, begin, end);
    this.facets.count(this.masks, begin, end);
    const judged = this.masks.blocks[Math.floor(begin / BLOCK)]?.subarray(begin % BLOCK, ((end - 1) % BLOCK) + 1) ?? [];
    for (let at = 0; at < judged.length; at += 1) {
      const mask = judged[at] ?? NO_EVENT;
      this.searched += (mask & (NO_EVENT | UNREAD)) === 0 ? 1 : 0;
      this.found += mask === 0 ? 1 : 0;
      this.#unread += (mask & UNREAD) === 0 ? 0 : 1;
    }
    return true;
  }

  /** Reads the events of one more chunk that must be read, the last first where that is asked for; whether there was one. */
  read(lastFirst: boolean): Promise<boolean> {
    // A question that ended may have left one being read.
    this.#reading = this.#reading.then(() => this.#readNext(lastFirst));
    return this.#reading;
  }

  async #readNext(lastFirst: boolean): Promise<boolean> {
    const [now, ...later] = this.#unread > 0 ? this.#next(lastFirst) : [];
    if (now === undefined) {
      return false;
    }
    const { chunk, first, last } = now;
    this.#readTo[chunk] = last + 1;
    const reading = this.#ahead.get(chunk) ?? this.#texts.stretch(chunk, first, last);
    this.#ahead.delete(chunk);
    for (const next of later) {
      // Of a chunk that still grows more may have to be read when its turn comes.
      const isWhole = next.chunk + 1 < this.#texts.chunks && this.#texts.beginOf(next.chunk + 1) <= this.masks.length;
      if (isWhole && !this.#ahead.has(next.chunk)) {
        const bytes = this.#texts.stretch(next.chunk, next.first, next.last);
        // Who takes it hears of a failure; nobody may.
        bytes.catch(() => {});
        this.#ahead.set(next.chunk, bytes);
      }
    }
    const { bytes, at } = await reading;
    for (let row = first; row <= last; row += 1) {
      const mask = this.masks.get(row);
      if ((mask & UNREAD) !== 0) {
        const place = this.#table.places.get(row) - at;
        const end = place + this.#table.lengths.get(row);
        this.#settle(row, this.criteria.read(row, mask, bytes, place, end));
      }
    }
    return true;
  }

  /** What must be read next. */
  #next(lastFirst: boolean): Unread[] {
    const found = [];
    const { chunks } = this.#texts;
    for (let nth = 0; nth < chunks && found.length <= AHEAD; nth += 1) {
      const stretch = this.#unreadOf(lastFirst ? chunks - 1 - nth : nth);
      if (stretch !== undefined) {
        found.push(stretch);
      }
    }
    return found;
  }

  /** What must be read of a chunk. What its sieves keep back is done with. */
  #unreadOf(chunk: number): Unread | undefined {
    const [begin, end] = this.#rowsOf(chunk);
    let first: number | undefined;
    let last = begin;
    let row = begin;
    for (const part of [...this.#texts.partsOf(chunk), REST]) {
      let passes: boolean | undefined;
      for (; row < Math.min(part.end, end); row += 1) {
        const mask = this.masks.get(row);
        if ((mask & UNREAD) !== 0) {
          passes ??= part.sieve === undefined || this.criteria.passes(part.sieve);
          if (passes) {
            first ??= row;
            last = row;
          } else {
            this.#settle(row, (mask & ~UNREAD) | ELSE);
          }
        }
      }
    }
    if (first !== undefined) {
      return { chunk, first, last };
    }
    this.#readTo[chunk] = Math.max(begin, end);
    return undefined;
  }

  /** Takes what became of an event that had to be read. */
  #settle(row: number, judged: number): void {
    this.masks.set(row, judged);
    this.facets.countRow(row, judged);
    this.searched += 1;
    this.#unread -= 1;
    this.found += judged === 0 ? 1 : 0;
  }

  /** The rows of a chunk that were judged and not read. */
  #rowsOf(chunk: number): readonly [begin: number, end: number] {
    const begin = Math.max(this.#texts.beginOf(chunk), this.#readTo[chunk] ?? 0);
    const isLast = chunk + 1 >= this.#texts.chunks;
    const end = isLast ? this.masks.length : Math.min(this.masks.length, this.#texts.beginOf(chunk + 1));
    return [begin, end];
  }
}
