import type { Masks } from "./masks.js";
import { BLOCK, type Block } from "./numbers.js";
import type { Table } from "./table.js";
import type { Histogram } from "./types.js";
import { encode } from "./utf8.js";

/** No more bars than this. */
const MOST_BARS = 120;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How long a bar may be; beyond, so many days as are needed. */
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 28, 91, 182, 364].map((count) => count * DAY),
];

/**
 * The found events over time. It spans all events within what is asked for of time, whatever else is asked for, so that
 * it keeps its place while other conditions come and go.
 */
export function histogram(
  table: Table,
  masks: Masks,
  since: number | undefined,
  until: number | undefined,
): Histogram | undefined {
  const first = Math.max(since ?? Number.NEGATIVE_INFINITY, table.earliest);
  const last = Math.min(until === undefined ? Number.POSITIVE_INFINITY : until - 1, table.latest);
  if (!(first <= last)) {
    return undefined;
  }
  const step = stepFor(first, last);
  const begin = Math.floor(first / step) * step;
  const bars = Math.floor((last - begin) / step) + 1;
  const counts = new Uint32Array(bars * KINDS);
  const kindOf = outcomes(table);
  for (const [number, mask] of masks.blocks.entries()) {
    const times = table.times.blocks[number];
    const codes = table.values.outcome.codes.blocks[number];
    if (times !== undefined && codes !== undefined) {
      const length = Math.min(BLOCK, masks.length - number * BLOCK);
      countBlock(counts, mask.subarray(0, length), times, codes, kindOf, begin, step);
    }
  }
  const of = (kind: number) => Array.from({ length: bars }, (_, bar) => counts[bar * KINDS + kind] ?? 0);
  return { begin, step, bars: { success: of(SUCCESS), failure: of(FAILURE), unknown: of(UNKNOWN) } };
}

function countBlock(
  counts: Uint32Array,
  mask: Uint16Array,
  times: Block,
  codes: Block,
  kindOf: Uint8Array,
  begin: number,
  step: number,
): void {
  for (let at = 0; at < mask.length; at += 1) {
    if (mask[at] === 0) {
      const bar = Math.floor(((times[at] ?? 0) - begin) / step);
      const place = bar * KINDS + (kindOf[codes[at] ?? 0] ?? UNKNOWN);
      counts[place] = (counts[place] ?? 0) + 1;
    }
  }
}

const SUCCESS = 0;
const FAILURE = 1;
const UNKNOWN = 2;
const KINDS = 3;
/** The rest, and what is not stated, is not known. */
const NAMES: readonly (readonly [kind: number, name: Uint8Array])[] = [
  [SUCCESS, encode("success")],
  [FAILURE, encode("failure")],
  [FAILURE, encode("denied")],
];

/** Which bar each outcome goes into, by its code. */
function outcomes(table: Table): Uint8Array {
  const { dictionary } = table.values.outcome;
  const kinds = new Uint8Array(dictionary.end).fill(UNKNOWN);
  for (const [kind, name] of NAMES) {
    const code = dictionary.known(name, 0, name.length);
    if (code !== undefined) {
      kinds[code] = kind;
    }
  }
  return kinds;
}

function stepFor(first: number, last: number): number {
  // One bar more than fits may be begun.
  const fits = (step: number) => Math.floor(last / step) - Math.floor(first / step) < MOST_BARS;
  const years = () => Math.ceil((last - first) / (MOST_BARS - 1) / DAY) * DAY;
  return STEPS.find(fits) ?? years();
}
