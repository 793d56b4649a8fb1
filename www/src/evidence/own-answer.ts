import type { OpenedEvidence } from "@countersign/ui/slice/types.js";
import { UNRECOGNIZED } from "@countersign/ui/slice/unrecognized.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { searchEntries } from "./entry-search.ts";
import type { Frame } from "./frame.ts";

/** Number of rows that are read at a time. */
const PIECE_ROWS = 1000;

/** The answer of an evidence file by the trust file in it. */
export interface FiledAnswer {
  readonly query: string;
  /** True if the file contains everything that was searched, so that the search can be repeated. */
  readonly isContained: boolean;
  /** Time from which relative times in the query count, in milliseconds since 1970. */
  readonly at: number;
  readonly range: readonly [number, number] | null;
  /** Entries of the answer. */
  readonly entries: readonly number[];
  /** Text of the trust file. */
  readonly trust: string | undefined;
}

/** The answer by the reader's trust file, compared with that of an evidence file. */
export interface OwnAnswer {
  /** Result of the search, in numbers of events; undefined if the file doesn't contain what was searched. */
  readonly searched:
    | { readonly selected: number; readonly events: number; readonly unrecognized: number }
    | undefined;
  /** Entries that match by the reader's trust file and that the file's answer leaves out, ascending. */
  readonly leftOut: readonly number[];
  /** Entries of the file's answer whose event doesn't verify, or whose signer isn't trusted, ascending. */
  readonly unverified: readonly number[];
}

/** Returns the answer of an evidence file; undefined without a query. */
export function filedAnswer(
  { query, slice, time, scope }: Frame,
  opened: OpenedEvidence,
): FiledAnswer | undefined {
  if (query === null) return undefined;
  const { range } = scope;
  return {
    query,
    isContained: slice === null,
    at: Date.parse(time),
    range,
    entries: keepWithin(opened.selected ?? opened.entries, range),
    trust: opened.trust,
  };
}

/**
 * Repeats the search of an evidence file among the events that verify by the reader's trust file; undefined if that is
 * the one in the file. Without what was searched, the file has only events that were selected. Replaces the query of
 * the session's index.
 */
export async function ownAnswer(session: Session, answer: FiledAnswer): Promise<OwnAnswer | undefined> {
  const { index, trust } = session;
  if (trust === answer.trust) return undefined;
  const { query, isContained, at, range } = answer;
  const find = async (text: string) => keepWithin((await searchEntries(index, text, at)).entries, range);
  const selected = isContained ? await find(query) : undefined;
  const unrecognized = isContained ? await find(UNRECOGNIZED) : [];
  const { entries, rows } = await searchEntries(index, "", at);
  const all = keepWithin(entries, range);
  const verified = new Set(await selectTrusted(session, entries, rows));
  const answered = new Set(answer.entries);
  return {
    searched: selected && {
      selected: selected.length,
      events: all.length,
      unrecognized: unrecognized.length,
    },
    leftOut: (selected ?? all).filter((entry) => !answered.has(entry)),
    unverified: answer.entries.filter((entry) => !verified.has(entry)),
  };
}

/** True if the file's answer is also the answer by the reader's trust file. */
export function isSameAnswer({ leftOut, unverified }: OwnAnswer): boolean {
  return leftOut.length === 0 && unverified.length === 0;
}

/** Returns the entries of all events whose signers are trusted. The index shows all events in this number of rows. */
async function selectTrusted(session: Session, all: Float64Array, rows: number): Promise<Iterable<number>> {
  const { verdict } = session.report ?? {};
  // With these verdicts, every signer is trusted.
  if (verdict === "verified" || verdict === "partial") return all;
  const entries: number[] = [];
  for (let from = 0; from < rows; from += PIECE_ROWS) {
    for (const row of await session.index.rows(from, Math.min(from + PIECE_ROWS, rows), []))
      if (row.kind === "event" && session.signerTrust(row) === "trusted") entries.push(row.index);
  }
  return entries;
}

function keepWithin(entries: Float64Array, range: readonly [number, number] | null): readonly number[] {
  const all = [...entries];
  return range === null ? all : all.filter((entry) => entry >= range[0] && entry < range[1]);
}
