import { IS_GAP, isFound, type Masks } from "./masks.js";
import type { Table } from "./table.js";

/** The rows of an answer, and how many gaps lie in the time that was asked for. */
export interface Listed {
  readonly rows: Uint32Array;
  readonly gaps: number;
}

/** What rows are listed. */
export interface Wanted {
  readonly table: Table;
  readonly masks: Masks;
  readonly byPlace: Uint32Array;
  /** Where that is the order asked for. */
  readonly byTime: Uint32Array | undefined;
  readonly descending: boolean;
  /** Whether gaps are rows of this answer. */
  readonly gaps: boolean;
  readonly since: number | undefined;
  readonly until: number | undefined;
}

/** Lists what was found. Gaps have no time: in the order of time they come last. */
export function list(wanted: Wanted): Listed {
  const { table, masks, byPlace, byTime, descending } = wanted;
  const gaps = table.gaps > 0 ? gapsWithin(wanted) : NONE;
  const shown = wanted.gaps ? gaps : NONE;
  const rows = new Uint32Array(Math.min(byPlace.length, table.events + table.withheld + shown.length));
  let size = 0;
  let gap = 0;
  const ordered = byTime ?? byPlace;

  for (let at = 0; at < ordered.length; at += 1) {
    const row = ordered[at] ?? 0;
    const mask = masks.get(row);
    if (isFound(mask)) {
      rows[size] = row;
      size += 1;
    } else if (byTime === undefined && (mask & IS_GAP) !== 0 && shown[gap] === row) {
      rows[size] = row;
      size += 1;
      gap += 1;
    }
  }
  const found = rows.subarray(0, size);
  if (descending) {
    found.reverse();
  }
  if (byTime === undefined || shown.length === 0) {
    return { rows: found, gaps: gaps.length };
  }
  const withGaps = new Uint32Array(size + shown.length);
  withGaps.set(found);
  withGaps.set(descending ? shown.toReversed() : shown, size);
  return { rows: withGaps, gaps: gaps.length };
}

const NONE = new Uint32Array(0);

/** Gaps whose neighbours in the log do not put them before or after the time asked for, in the order of the log. */
function gapsWithin({ table, masks, byPlace, since, until }: Wanted): Uint32Array {
  const begin = since ?? Number.NEGATIVE_INFINITY;
  const end = until ?? Number.POSITIVE_INFINITY;
  const gaps = new Uint32Array(table.gaps);
  let size = 0;
  /** Gaps of which no later neighbour is known yet. */
  let open = 0;
  let before = Number.NEGATIVE_INFINITY;
  for (const row of byPlace) {
    if ((masks.get(row) & IS_GAP) !== 0) {
      if (before < end) {
        gaps[size] = row;
        size += 1;
        open += 1;
      }
      continue;
    }
    const time = table.times.get(row);
    if (time < Number.POSITIVE_INFINITY) {
      if (time < begin) {
        size -= open;
      }
      open = 0;
      before = time;
    }
  }
  return gaps.subarray(0, size);
}
