import { ABSENT, FIRST, UNKEPT } from "./dictionary.js";
import { bitOf, isNear, type Masks } from "./masks.js";
import { BLOCK, type Block } from "./numbers.js";
import { COLUMNS, type Table } from "./table.js";
import type { Column, Facet, FacetValue } from "./types.js";
import { decode } from "./utf8.js";
import { forms, label } from "./verdicts.js";

/** How many values of a column are told. */
const MOST_VALUES = 24;

/**
 * How often each value of each column occurs among the events found, and, for a column with a condition, among those
 * that this condition alone keeps from being found.
 */
export class Facets {
  readonly #table: Table;
  readonly #counts: Record<Column, Uint32Array>;

  constructor(table: Table) {
    this.#table = table;
    const none = () => new Uint32Array(1 << 4);
    this.#counts = {
      action: none(),
      actor: none(),
      target: none(),
      outcome: none(),
      tenant: none(),
      chain: none(),
      signer: none(),
    };
  }

  /** Counts rows of one block. */
  count(masks: Masks, begin: number, end: number): void {
    const number = Math.floor(begin / BLOCK);
    const mask = masks.blocks[number];
    if (mask === undefined) {
      return;
    }
    const from = begin % BLOCK;
    for (const column of COLUMNS) {
      const codes = this.#table.values[column].codes.blocks[number];
      if (codes !== undefined) {
        countBlock(this.#room(column), mask, codes, bitOf(column), from, from + end - begin);
      }
    }
  }

  /** Counts one row. */
  countRow(row: number, mask: number): void {
    if (!isNear(mask)) {
      return;
    }
    for (const column of COLUMNS) {
      if (mask === 0 || mask === bitOf(column)) {
        const counts = this.#room(column);
        const code = this.#table.values[column].codes.get(row);
        counts[code] = (counts[code] ?? 0) + 1;
      }
    }
  }

  /** The most frequent values of a column. */
  of(column: Column): Facet {
    const { dictionary } = this.#table.values[column];
    const counts = this.#room(column);
    const best: number[] = [];
    let distinct = 0;
    let events = counts[UNKEPT] ?? 0;
    /** What a count must be above to be among the best. */
    let least = 0;
    for (let code = FIRST; code < dictionary.end; code += 1) {
      const count = counts[code] ?? 0;
      if (count === 0) {
        continue;
      }
      distinct += 1;
      events += count;
      if (count > least) {
        insert(best, code, counts);
        least = best.length < MOST_VALUES ? 0 : (counts[best.at(-1) ?? ABSENT] ?? 0);
      }
    }
    const values = new Map<string, number>();
    for (const code of best) {
      const said = dictionary.look(code, (bytes, begin, end) => label(column, bytes.subarray(begin, end)).slice());
      const value = decode(said);
      if (!values.has(value)) {
        const codes = forms(column, said).map((form) => dictionary.known(form, 0, form.length) ?? ABSENT);
        const alike = codes.map((code) => (code === ABSENT ? 0 : (counts[code] ?? 0))).filter((count) => count > 0);
        const count = alike.reduce((sum, count) => sum + count);
        values.set(value, count);
        distinct -= alike.length;
        events -= count;
      }
    }
    const listed: FacetValue[] = Array.from(values, ([value, count]) => ({ value, count }));
    listed.sort((one, other) => other.count - one.count);
    return { values: listed, more: distinct, others: events };
  }

  #room(column: Column): Uint32Array {
    const { end } = this.#table.values[column].dictionary;
    let counts = this.#counts[column];
    if (end > counts.length) {
      const longer = new Uint32Array(Math.max(end, counts.length * 2));
      longer.set(counts);
      this.#counts[column] = longer;
      counts = longer;
    }
    return counts;
  }
}

/** Keeps a list of codes by falling count; of equals, what came first stands first. */
function insert(best: number[], code: number, counts: Uint32Array): void {
  const count = counts[code] ?? 0;
  let at = best.length;
  while (at > 0 && (counts[best[at - 1] ?? 0] ?? 0) < count) {
    at -= 1;
  }
  best.splice(at, 0, code);
  if (best.length > MOST_VALUES) {
    best.pop();
  }
}

function countBlock(counts: Uint32Array, mask: Uint16Array, codes: Block, bit: number, from: number, to: number): void {
  for (let at = from; at < to; at += 1) {
    const judged = mask[at];
    if (judged === 0 || judged === bit) {
      const code = codes[at] ?? 0;
      counts[code] = (counts[code] ?? 0) + 1;
    }
  }
}
