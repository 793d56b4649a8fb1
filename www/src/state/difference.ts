import type { Coverage } from "@countersign/ui/index/types.js";
import type { Report } from "countersign/verify";
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

/**
 * Returns the entries that fail a check of their own in the export that doesn't show them, ascending: their lines there
 * can be compared field by field.
 */
export function changedEntries(
  differences: readonly Difference[],
  { findings }: Pick<Report, "findings">,
): readonly number[] {
  const failed = differences.filter(({ as }) => as === "failed");
  const isFailed = (entry: number) => failed.some(({ begin, end }) => entry >= begin && entry < end);
  const entries = findings.flatMap(({ index, severity }) =>
    index !== undefined && severity === "error" && isFailed(index) ? [index] : [],
  );
  return [...new Set(entries)].sort((a, b) => a - b);
}

/** Returns the differences without some entries. */
export function excluding(
  differences: readonly Difference[],
  entries: readonly number[],
): readonly Difference[] {
  const excluded = Float64Array.from(entries.flatMap((entry) => [entry, entry + 1]));
  return differences.flatMap(({ begin, end, as }) =>
    [...each(without(Float64Array.of(begin, end), excluded))].map(([from, to]) => ({
      begin: from,
      end: to,
      as,
    })),
  );
}
