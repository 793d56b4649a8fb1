import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import { type Agreement, end } from "./agreement.ts";
import { answersOf } from "./answers.ts";
import type { Part } from "./case.ts";

/** How two parts relate, and which of them fail their own checks. */
export type Comparison =
  /** Agreements say nothing about a part that fails its own checks. */
  | { readonly is: "faulty"; readonly faulty: readonly Part[]; readonly agreement: Agreement }
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
  if (faulty.length > 0 && !isEvidence) return { is: "faulty", faulty, agreement };
  return agreement.is === "grown" && size(one) === size(other) ? { is: "same-state" } : agreement;
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
