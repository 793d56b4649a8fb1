import { ABSENT, FIRST, UNKEPT } from "./dictionary.js";
import { bitOf, isNear, type Masks } from "./masks.js";
import { Needle } from "./needle.js";
import { BLOCK, type Block } from "./numbers.js";
import { COLUMNS, type Table } from "./table.js";
import type { Column, ColumnValue, Facet, FacetValue } from "./types.js";
import { decode } from "./utf8.js";
import { forms, label, saidFrom } from "./verdicts.js";

/** How many values of a column are told. */
const MOST_VALUES = 24;
/** How many are told that hold a text, and how long that may be. */
const MOST_LIKE = 12;
const LONGEST_LIKE = 256;

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
    let more = 0;
    let others = counts[UNKEPT] ?? 0;
    for (let code = FIRST; code < dictionary.end; code += 1) {
      const count = counts[code] ?? 0;
      if (count > 0) {
        more += 1;
        others += count;
        insert(best, code, counts, MOST_VALUES);
      }
    }
    const values = this.#told(column, best);
    for (const { count, codes } of values) {
      more -= codes;
      others -= count;
    }
    return { values: values.map(({ value, count }) => ({ value, count })), more, others };
  }

  /** Values of these columns that hold a text, first those that begin with it, each kind by falling count. */
  like(columns: readonly Column[], text: string): ColumnValue[] {
    if (text.length > LONGEST_LIKE) {
      return [];
    }
    const needle = new Needle(text);
    const found = columns.map((column) => this.#like(column, needle));
    const byCount = (values: ColumnValue[]) => values.sort((one, other) => other.count - one.count);
    const begin = byCount(found.flatMap(({ begin }) => begin));
    return [...begin, ...byCount(found.flatMap(({ hold }) => hold))].slice(0, MOST_LIKE);
  }

  #like(column: Column, needle: Needle): { begin: ColumnValue[]; hold: ColumnValue[] } {
    const { dictionary } = this.#table.values[column];
    const counts = this.#room(column);
    const begin: number[] = [];
    const hold: number[] = [];
    dictionary.each(FIRST, (code, bytes, from, end) => {
      if ((counts[code] ?? 0) > 0) {
        const said = saidFrom(column, bytes, from, end);
        if (needle.endAt(bytes, said, end) >= 0) {
          insert(begin, code, counts, MOST_LIKE);
        } else if (needle.find(bytes, said, end) >= 0) {
          insert(hold, code, counts, MOST_LIKE);
        }
      }
    });
    const told = (codes: readonly number[]) =>
      this.#told(column, codes).map(({ value, count }) => ({ column, value, count }));
    return { begin: told(begin), hold: told(hold) };
  }

  /** Values as people read them, those that read the same as one, and how many codes each has. */
  #told(column: Column, codes: readonly number[]): (FacetValue & { readonly codes: number })[] {
    const { dictionary } = this.#table.values[column];
    const counts = this.#room(column);
    const told = new Map<string, FacetValue & { codes: number }>();
    for (const code of codes) {
      const said = dictionary.look(code, (bytes, begin, end) => label(column, bytes.subarray(begin, end)).slice());
      const value = decode(said);
      if (!told.has(value)) {
        const known = forms(column, said).map((form) => dictionary.known(form, 0, form.length) ?? ABSENT);
        const alike = known.map((code) => (code === ABSENT ? 0 : (counts[code] ?? 0))).filter((count) => count > 0);
        told.set(value, { value, count: alike.reduce((sum, count) => sum + count), codes: alike.length });
      }
    }
    return [...told.values()].sort((one, other) => other.count - one.count);
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

/** Keeps a list of so many codes by falling count; of equals, what came first stands first. */
function insert(best: number[], code: number, counts: Uint32Array, most: number): void {
  const count = counts[code] ?? 0;
  let at = best.length;
  while (at > 0 && (counts[best[at - 1] ?? 0] ?? 0) < count) {
    at -= 1;
  }
  if (at < most) {
    best.splice(at, 0, code);
    best.length = Math.min(best.length, most);
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
