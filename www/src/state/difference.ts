import type { Coverage } from "@countersign/ui/index/types.js";
import { both, each, type Ranges, without } from "./ranges.ts";

/** State in one export of an entry that another one shows. */
export type Hidden = "withheld" | "skipped" | "beyond" | "failed";

/** Entries of events that one export shows and another doesn't. */
export interface Difference {
  readonly begin: number;
  readonly end: number;
  readonly as: Hidden;
}

/** Coverage of an export, and the number of entries up to its end. */
export interface Covered extends Omit<Coverage, "events" | "listed"> {
  readonly end: number;
}

/** Returns the entries that one export shows and the other doesn't, in the order of the log. */
export function hidden(one: Covered, other: Covered): readonly Difference[] {
  const missing = without(one.shown, other.shown);
  const beyond = both(missing, Float64Array.of(other.end, Number.MAX_SAFE_INTEGER));
  const withheld = both(missing, other.withheld);
  const skipped = both(missing, other.skipped);
  const failed = [beyond, withheld, skipped].reduce(without, missing);
  const found = ([as, ranges]: readonly [Hidden, Ranges]) =>
    [...each(ranges)].map(([begin, end]) => ({ begin, end, as }));
  const all: readonly (readonly [Hidden, Ranges])[] = [
    ["withheld", withheld],
    ["skipped", skipped],
    ["beyond", beyond],
    ["failed", failed],
  ];
  return all.flatMap(found).sort((a, b) => a.begin - b.begin);
}
