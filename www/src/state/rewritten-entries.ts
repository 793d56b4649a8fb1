import type { Part } from "./case.ts";
import { linesOf, type RawLine } from "./lines.ts";
import { both, each, entryCount } from "./ranges.ts";

/** Maximum number of entries that are compared. */
export const MAX_COMPARED = 2_000;

/** An entry of which two files show different events. */
export interface RewrittenEntry {
  readonly index: number;
  readonly one: RawLine;
  readonly other: RawLine;
}

/** Entries that differ between two files. */
export interface RewrittenEntries {
  readonly entries: readonly RewrittenEntry[];
  /** False if only the first entries that both files show were compared. */
  readonly isAll: boolean;
}

/** Returns the entries whose lines differ between two files that both show them. */
export async function rewrittenEntries(one: Part, other: Part): Promise<RewrittenEntries> {
  if (one.coverage === undefined || other.coverage === undefined) return { entries: [], isAll: true };
  const common = both(one.coverage.shown, other.coverage.shown);
  const indexes = firstOf(common);
  const [lines, otherLines] = await Promise.all([readEntries(one, indexes), readEntries(other, indexes)]);
  const entries = indexes.flatMap((index) => {
    const [line, otherLine] = [lines.get(index), otherLines.get(index)];
    return line === undefined || otherLine === undefined || line.text === otherLine.text
      ? []
      : [{ index, one: line, other: otherLine }];
  });
  return { entries, isAll: indexes.length === entryCount(common) };
}

function firstOf(ranges: Parameters<typeof each>[0]): readonly number[] {
  const found: number[] = [];
  for (const [begin, end] of each(ranges))
    for (let index = begin; index < end && found.length < MAX_COMPARED; index += 1) found.push(index);
  return found;
}

/** Reads the lines of entries, by their indexes. */
async function readEntries(
  { session, file }: Part,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, RawLine>> {
  const numbers = await Promise.all(indexes.map((index) => session?.index.lineOf(index)));
  const lines = await linesOf(
    file,
    numbers.filter((line) => line !== undefined),
  );
  return new Map(
    indexes.flatMap((index, nth) => {
      const line = lines.get(numbers[nth] ?? 0);
      return line === undefined ? [] : [[index, line] as const];
    }),
  );
}
