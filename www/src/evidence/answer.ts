import type { Report } from "countersign/verify";
import { answersOf } from "../state/answers.ts";
import { parseQuestion } from "./question-terms.ts";

/** Reason why more events than those found may match. */
export type Doubt =
  /** The verdict doesn't allow the file to show that it is complete. */
  | { readonly is: "verdict" }
  /** Keys that aren't trusted signed events: all of them if `isAll`. */
  | { readonly is: "untrusted"; readonly isAll: boolean }
  /** Events of the file that don't verify, so they weren't searched. */
  | { readonly is: "unverified"; readonly events: number }
  | { readonly is: "withheld"; readonly events: number }
  | { readonly is: "omitted"; readonly entries: number }
  /** Only these entries of the log are shown to be complete. */
  | { readonly is: "part"; readonly first: number; readonly last: number }
  /** Only these entries were searched. */
  | { readonly is: "range"; readonly first: number; readonly last: number }
  /** All entries of the range that the file claims are here; the report doesn't name it unless it is verified. */
  | { readonly is: "claimed" }
  /** An omitted entry may revoke a key that signed events here. */
  | { readonly is: "revocable" }
  /** Only the chains in the file are shown to be complete. */
  | { readonly is: "chains" }
  | { readonly is: "undetermined" }
  /** The time asked about ends after the file does; `seen` is the last time known. */
  | { readonly is: "later"; readonly seen: string | undefined }
  /** Events that state no actor, no action, or no time that the search understands. */
  | { readonly is: "unrecognized"; readonly events: number }
  /** Not all of the events that verify were searched; `events` is how many verify. */
  | { readonly is: "unexamined"; readonly events: number }
  /** There was no event to examine. */
  | { readonly is: "empty" }
  /** Rules couldn't examine all events. */
  | { readonly is: "rules" }
  /** Rules reached a memory limit. */
  | { readonly is: "limits"; readonly rules: number }
  /** Events whose own time is later than their recording. */
  | { readonly is: "future"; readonly events: number };

/** The basis of an answer: what was searched, and why it may not be everything. */
export interface AnswerBasis {
  /** Number of entries, if all entries of the log up to `seen` are here. */
  readonly entries: number | undefined;
  /** Time up to which the log is known: of its last checkpoint, or else of its last signature. */
  readonly seen: string | undefined;
  /** Number of events searched. */
  readonly examined: number;
  /** Empty only if nothing else can match. */
  readonly doubts: readonly Doubt[];
}

/** Limits within which everything that matches was found. Nothing else in an answer is in doubt because of them. */
const BOUNDS: readonly Doubt["is"][] = ["part", "range", "claimed", "revocable", "chains"];

/** True if everything that matches was found, but only within some entries or chains of the log. */
export function isBounded({ doubts }: AnswerBasis): boolean {
  return doubts.length > 0 && doubts.every(({ is }) => BOUNDS.includes(is));
}

/** True if events of the file don't verify, so that only the others were searched. */
export function isPartial({ doubts }: AnswerBasis): boolean {
  return doubts.some(({ is }) => is === "unverified");
}

/** A query, as the index parsed it. */
export interface ParsedQuery {
  readonly query: string;
  /** The last millisecond since 1970 that it asks about by its conditions on times; undefined if it has none. */
  readonly until: number | undefined;
}

/** Returns the basis of the answer to a query. `range` has the entries that were searched, if not all were. */
export function answerBasis(
  report: Report,
  { events, unrecognized }: { readonly events: number; readonly unrecognized: number },
  { query, until }: ParsedQuery,
  range: readonly [number, number] | null = null,
): AnswerBasis {
  const { complete } = answersOf({ report, doubts: [] });
  const seen = report.log?.time ?? complete.span?.[1];
  const isWhole = isWholeLog(report);
  const searched: Doubt[] = range === null ? [] : [{ is: "range", first: range[0], last: range[1] - 1 }];
  const isLater = until !== undefined && (seen === undefined || until > Date.parse(seen));
  const later: Doubt[] = isLater ? [{ is: "later", seen }] : [];
  // All events of a verified export verify, so equal numbers are the same events.
  const isOther = range === null && report.verdict === "verified" && report.counts.events !== events;
  const other: Doubt[] = isOther ? [{ is: "unexamined", events: report.counts.events }] : [];
  const changed = range === null && report.verdict !== "verified" ? report.counts.events - events : 0;
  const unverified: Doubt[] = changed > 0 ? [{ is: "unverified", events: changed }] : [];
  // A question about days of recording alone finds all events of these days.
  const asked = parseQuestion(query);
  const asksFields =
    asked === undefined || asked.basis === "happened" || NAME_TERMS.some((part) => asked[part].length > 0);
  const unread: Doubt[] =
    unrecognized > 0 && asksFields ? [{ is: "unrecognized", events: unrecognized }] : [];
  return {
    entries: isWhole ? complete.of : undefined,
    seen,
    examined: events,
    doubts: [...unverified, ...searched, ...completeness(report), ...later, ...unread, ...other],
  };
}

/** The fields of a question that contain names. */
const NAME_TERMS = ["who", "behalf", "actions", "targets"] as const;

/**
 * True if a verified file has every entry of the log up to its last checkpoint. It needs no claim of a range for that:
 * the checkpoint's tree has as many entries as the file.
 */
export function isWholeLog({ verdict, counts, log, checks }: Report): boolean {
  const isProven = [checks.tree, checks.log].every(({ state }) => state === "pass");
  const isAll = counts.withheld === 0 && counts.skipped === 0 && counts.entries === log?.size;
  return verdict === "verified" && isProven && isAll;
}

/** True if no entry is missing from the range that a file claims, although the file isn't verified. */
function isRangeHere({ verdict, checks: { range, tree, log } }: Report): boolean {
  return verdict === "partial" && [range, tree, log].every(({ state }) => state === "pass");
}

function isUntrusted({ trust }: Report["signers"][number]): boolean {
  return trust === "untrusted";
}

function completeness(report: Report): readonly Doubt[] {
  const { verdict, complete: shown, counts, signers, finding_counts } = report;
  const { complete } = answersOf({ report, doubts: [] });
  if (isWholeLog(report)) return [];
  if (complete.is === "partly" && complete.why === "chains") return [{ is: "chains" }];
  if (complete.is === "yes" && shown?.by === "range")
    return [{ is: "part", first: shown.range[0], last: shown.range[1] - 1 }];
  const doubts: Doubt[] = [];
  if (verdict === "untrusted") doubts.push({ is: "untrusted", isAll: signers.every(isUntrusted) });
  else if (verdict !== "partial") doubts.push({ is: "verdict" });
  if (counts.withheld > 0) doubts.push({ is: "withheld", events: counts.withheld });
  if (isRangeHere(report)) {
    doubts.push({ is: "claimed" });
    if ((finding_counts["key.unseen"] ?? 0) > 0) doubts.push({ is: "revocable" });
    return doubts;
  }
  if (counts.skipped > 0) doubts.push({ is: "omitted", entries: counts.skipped });
  return doubts.length > 0 ? doubts : [{ is: "undetermined" }];
}
