import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import { type Agreement, end } from "./agreement.ts";
import { answersOf } from "./answers.ts";
import type { Part } from "./case.ts";
import { type Covered, changedEntries, hidden } from "./difference.ts";

/** How two parts relate, and which of them fail their own checks. */
export type Comparison =
  /** Agreements say nothing about a part that fails its own checks. `changed` is how many entries are known to differ. */
  | {
      readonly is: "faulty";
      readonly faulty: readonly Part[];
      readonly agreement: Agreement;
      readonly changed: number;
    }
  /** Both are the same state of the log. */
  | { readonly is: "same-state" }
  | Agreement;

/** True if something in a part is not what was signed, or is missing or not allowed. */
export function isFaulty({ session }: Part): boolean {
  return faultOf(session?.report) !== undefined;
}

/** Returns what an agreement means, given the verdict of each part. */
export function comparison(one: Part, other: Part, agreement: Agreement): Comparison {
  const faulty = [one, other].filter(isFaulty);
  if (agreement.is === "unknown" && agreement.why === "unread") return agreement;
  const isEvidence = agreement.is === "contradicts" && faulty.every(isSignedByLog);
  if (faulty.length > 0 && !isEvidence) {
    const changed = isComparable(agreement) ? countChanged(one, other) : 0;
    return { is: "faulty", faulty, agreement, changed };
  }
  return agreement.is === "grown" && size(one) === size(other) ? { is: "same-state" } : agreement;
}

/** True if the entries of two parts can be compared. */
export function isComparable(agreement: Agreement | { readonly is: "same-state" }): boolean {
  const isUnknown = agreement.is === "unknown" && ["other-log", "unread"].includes(agreement.why);
  return agreement.is !== "identical" && !isUnknown;
}

/** Returns the entries of a part up to its end; undefined until they are indexed. */
export function coveredBy({ session, coverage }: Part): Covered | undefined {
  return session?.report && coverage && { ...coverage, end: end(session.report) };
}

/** Returns the number of entries that one of two parts shows and that were changed in the other. */
function countChanged(one: Part, other: Part): number {
  const [covered, otherCovered] = [coveredBy(one), coveredBy(other)];
  const [report, otherReport] = [one.session?.report, other.session?.report];
  if (!covered || !otherCovered || !report || !otherReport) return 0;
  const changed = changedEntries(hidden(covered, otherCovered), otherReport).length;
  return changed + changedEntries(hidden(otherCovered, covered), report).length;
}

/** True if the log signed the entries of a part as they are, so that they show what the log stated. */
function isSignedByLog(part: Part): boolean {
  const { tree, log } = part.session?.report?.checks ?? {};
  return isOnlyContradicted(part) || (tree?.state === "pass" && log?.state === "pass");
}

/** True if a part fails its checks only because it contradicts an earlier state of its log. */
export function isOnlyContradicted({ session }: Part): boolean {
  const judged = session?.verification;
  const unchanged = judged && answersOf(judged).unchanged;
  return unchanged !== undefined && unchanged.is !== "yes" && ["history", "older"].includes(unchanged.why);
}

function size({ session }: Part): number | undefined {
  const report = session?.report;
  return report?.log?.size ?? (report && end(report));
}
