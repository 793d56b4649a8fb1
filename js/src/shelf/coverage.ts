import { EVENT, GAP, type Table, WITHHELD } from "./table.js";
import type { Coverage } from "./types.js";

/** What stands at which leaves. */
export function coverage(table: Table, byPlace: Uint32Array): Coverage {
  const shown = new Ranges();
  const withheld = new Ranges();
  const skipped = new Ranges();
  const listed = new Ranges();
  for (const row of byPlace) {
    const kind = table.kinds.get(row);
    const begin = table.indexes.get(row);
    const ranges = kind === WITHHELD ? withheld : kind === GAP ? skipped : shown;
    ranges.add(begin, begin + (kind === GAP ? table.seqs.get(row) : 1));
    if (kind === EVENT || kind === WITHHELD) {
      listed.add(begin, begin + 1);
    }
  }
  const all = { shown: shown.all(), withheld: withheld.all(), skipped: skipped.all(), listed: listed.all() };
  return { ...all, events: table.events };
}

/** The leaves of events among these rows, in their order. */
export function leavesOf(table: Table, rows: Uint32Array): Float64Array<ArrayBuffer> {
  const events = rows.filter((row) => table.kinds.get(row) === EVENT);
  return Float64Array.from(events, (row) => table.indexes.get(row));
}

/** Ranges in ascending order, those that touch as one. */
class Ranges {
  readonly #bounds: number[] = [];

  add(begin: number, end: number): void {
    if (this.#bounds.at(-1) === begin) {
      this.#bounds.pop();
    } else {
      this.#bounds.push(begin);
    }
    this.#bounds.push(end);
  }

  all(): Float64Array<ArrayBuffer> {
    return Float64Array.from(this.#bounds);
  }
}
