import { histogram } from "./histogram.js";
import { list } from "./list.js";
import type { Order as Sorted } from "./order.js";
import { Search } from "./search.js";
import { COLUMNS, type Table } from "./table.js";
import type { Texts } from "./texts.js";
import { turn } from "./turn.js";
import type { Column, Facet, Found, Order, Query } from "./types.js";

/** The shortest time between two tellings, in milliseconds, but for the first and the last of a search. */
const TELL_EVERY = 250;
/** And so many times as long as telling takes, so that most of the time is left for what is told of. */
const OF_TELLING = 10;
/** How long, in milliseconds, work goes on before messages have their turn. */
const WORK = 12;

/** What there is to look through. */
export interface Shelved {
  readonly table: Table;
  readonly texts: Texts;
  readonly byPlace: Sorted;
  readonly byTime: Sorted;
}

/** A question, from when it is asked to when the next one is: it is answered again as more rows come. */
export class Asking {
  /** The rows of the answer as it was told last. */
  rows: Uint32Array = new Uint32Array(0);
  readonly order: Order;
  readonly search: Search;
  readonly #shelved: Shelved;
  readonly #question: number;
  readonly #tell: (found: Found) => void;
  /** When it may be told again. */
  #next = Number.NEGATIVE_INFINITY;
  #toldFound = 0;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  /** `before` is a search for the same that was begun already. */
  constructor(
    shelved: Shelved,
    question: number,
    query: Query,
    order: Order,
    before: Search | undefined,
    tell: (found: Found) => void,
  ) {
    this.#shelved = shelved;
    this.#question = question;
    this.order = order;
    this.search = before ?? new Search(query, shelved.table, shelved.texts);
    this.#tell = tell;
  }

  /** Looks through what was not looked through yet. Until it is over it is done once at a time. */
  async run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running) {
      return;
    }
    this.#running = true;
    try {
      await this.#run();
    } finally {
      this.#running = false;
    }
  }

  /** There are more rows: they are looked through soon. */
  more(failed: (error: unknown) => void): void {
    if (!this.#running && this.#timer === undefined && !this.#over) {
      const wait = Math.max(0, this.#next - performance.now());
      this.#timer = setTimeout(() => this.run().catch(failed), wait);
    }
  }

  /** Something else is asked. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    let begun = performance.now();
    const { search, order } = this;
    const { table } = this.#shelved;
    while (!this.#over) {
      if (!search.judge() && !(await search.read(order.descending))) {
        this.#say(true);
        return;
      }
      const now = performance.now();
      const isFirst = this.#toldFound === 0 && search.found > 0;
      // Where nothing is to be read, the last word is near.
      if (!this.#over && search.isReading && (now >= this.#next || isFirst) && search.masks.length === table.size) {
        this.#say(false);
      }
      if (now - begun >= WORK) {
        await turn();
        begun = performance.now();
      }
    }
  }

  #say(complete: boolean): void {
    const { search, order } = this;
    const { table, byPlace, byTime } = this.#shelved;
    const { query, found, searched, criteria } = search;
    const size = search.masks.length;
    const begun = performance.now();
    const isOfTime = query.conditions.length === 0 && query.words.every((word) => word === "");
    const { rows, gaps } = list({
      table,
      masks: search.masks,
      byPlace: byPlace.sorted(size),
      byTime: order.by === "time" ? byTime.sorted(size) : undefined,
      descending: order.descending,
      gaps: isOfTime,
      since: query.since,
      until: query.until,
    });
    this.rows = rows;
    this.#toldFound = found;
    const facets = COLUMNS.map((column) => [column, search.facets.of(column)]);
    this.#tell({
      question: this.#question,
      complete,
      rows: rows.length,
      events: found,
      of: table.events,
      unknown: { withheld: criteria.withheldUnknown, gaps: isOfTime ? 0 : gaps },
      searched,
      facets: Object.fromEntries(facets) as Record<Column, Facet>,
      histogram: histogram(table, search.masks, query.since, query.until),
    });
    const now = performance.now();
    this.#next = now + Math.max(TELL_EVERY, (now - begun) * OF_TELLING);
  }
}
