import { Criteria } from "./criteria.js";
import { Facets } from "./facets.js";
import { Masks, NO_EVENT, UNREAD } from "./masks.js";
import { BLOCK } from "./numbers.js";
import type { Table } from "./table.js";
import type { Texts } from "./texts.js";
import type { Query } from "./types.js";

/** How many chunks are read ahead of the one that is looked through. */
const AHEAD = 3;

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
  readonly #ahead = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

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
    const [chunk, ...later] = this.#unread > 0 ? this.#next(lastFirst) : [];
    if (chunk === undefined) {
      return false;
    }
    const [begin, end] = this.#rowsOf(chunk);
    this.#readTo[chunk] = end;
    const reading = this.#ahead.get(chunk) ?? this.#texts.chunk(chunk);
    this.#ahead.delete(chunk);
    for (const next of later) {
      // The last one still grows.
      if (next + 1 < this.#texts.chunks && !this.#ahead.has(next)) {
        const bytes = this.#texts.chunk(next);
        // Who takes it hears of a failure; nobody may.
        bytes.catch(() => {});
        this.#ahead.set(next, bytes);
      }
    }
    const bytes = await reading;
    for (let row = begin; row < end; row += 1) {
      const mask = this.masks.get(row);
      if ((mask & UNREAD) !== 0) {
        const place = this.#table.places.get(row);
        const judged = this.criteria.read(row, mask, bytes, place, place + this.#table.lengths.get(row));
        this.masks.set(row, judged);
        this.facets.countRow(row, judged);
        this.searched += 1;
        this.#unread -= 1;
        this.found += judged === 0 ? 1 : 0;
      }
    }
    return true;
  }

  /** The next chunks of which events must be read. Those of which none must be are done with. */
  #next(lastFirst: boolean): number[] {
    const found = [];
    const { chunks } = this.#texts;
    for (let nth = 0; nth < chunks && found.length <= AHEAD; nth += 1) {
      const chunk = lastFirst ? chunks - 1 - nth : nth;
      if (this.#isUnread(chunk)) {
        found.push(chunk);
      }
    }
    return found;
  }

  #isUnread(chunk: number): boolean {
    const [begin, end] = this.#rowsOf(chunk);
    for (let row = begin; row < end; row += 1) {
      if ((this.masks.get(row) & UNREAD) !== 0) {
        return true;
      }
    }
    this.#readTo[chunk] = Math.max(begin, end);
    return false;
  }

  /** The rows of a chunk that were judged and not read. */
  #rowsOf(chunk: number): readonly [begin: number, end: number] {
    const begin = Math.max(this.#texts.beginOf(chunk), this.#readTo[chunk] ?? 0);
    const isLast = chunk + 1 >= this.#texts.chunks;
    const end = isLast ? this.masks.length : Math.min(this.masks.length, this.#texts.beginOf(chunk + 1));
    return [begin, end];
  }
}
