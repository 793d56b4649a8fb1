import type { Check, FindingCode, Judged, Report } from "countersign/verify";
import { hasContradictoryHead } from "./agreement.ts";

/** Kind of an answer; `open` if it can't be determined. */
export type AnswerKind = "yes" | "no" | "partly" | "open";

/** Answer to whether the content is what was signed. */
export type Unchanged =
  | { readonly is: "yes"; readonly events: number }
  /** Some events aren't what was signed. */
  | { readonly is: "no"; readonly why: "events"; readonly changed: number; readonly of: number }
  /**
   * Something else isn't what was signed; entries are missing, repeated, or out of order; or only a pin
   * contradicts.
   */
  | { readonly is: "no"; readonly why: "other" | "order" | "history" }
  /** `older`: nothing is wrong except that the log ends before a state that was seen before. */
  | { readonly is: "open"; readonly why: "older" | "unread" | "unsigned" | "empty" };

/** Answer to who signed. */
export type Signed =
  | { readonly is: "yes"; readonly names: readonly string[] }
  | { readonly is: "no"; readonly why: "invalid" | "revoked"; readonly names: readonly string[] }
  /** All entries by trusted keys, and the last checkpoint by an untrusted one. */
  | { readonly is: "partly"; readonly why: "log"; readonly names: readonly string[] }
  | {
      readonly is: "open";
      readonly why: "unknown" | "suspect" | "other" | "nobody" | "unread";
      readonly names: readonly string[];
    };

/** Answer to how much of the log is here. */
export type Complete = (
  | { readonly is: "yes"; readonly by: "log" | "range" }
  /** `chains`: the chains here are complete, but there may be others; `entries`: entries are withheld or omitted. */
  | { readonly is: "partly"; readonly why: "chains" | "entries" }
  | { readonly is: "no"; readonly why: "missing" }
  | { readonly is: "open"; readonly why: "undetermined" | "failed" | "empty" | "unread" }
) & {
  /**
   * Number of events here, entries here, entries up to the last one here, and entries withheld or omitted.
   */
  readonly events: number;
  readonly shown: number;
  readonly of: number;
  readonly withheld: number;
  readonly skipped: number;
  /** True if no log key of the trust file signed the last checkpoint. Such a key could answer the question. */
  readonly lacksLogKey: boolean;
  /** When the first and the last of them were recorded, by their signers' clocks. */
  readonly span: readonly [from: string, to: string] | undefined;
};

/**
 * Answers to the three questions about a file, derived only from its report and from the doubts about its
 * signers.
 */
export interface Answers {
  readonly unchanged: Unchanged;
  readonly signed: Signed;
  readonly complete: Complete;
}

export function answersOf({ report, doubts }: Pick<Judged, "report" | "doubts">): Answers {
  return { unchanged: unchanged(report), signed: signed(report, doubts), complete: complete(report) };
}

/** Checks that fail if something is missing or unreadable, and that say nothing about the rest. */
const CHECKS_OF_MISSING_PARTS = ["format", "range", "expected", "witnesses"];

/** Links without a signature, or without their key. */
const UNSIGNED: readonly FindingCode[] = ["signature.unsigned_tail", "chain.no_open"];

/** Codes of errors of a checkpoint that make the check `log` fail. The other errors are those of heads. */
const CHECKPOINT_ERRORS: readonly FindingCode[] = ["log.origin", "log.signature"];

/** True if only errors of heads make the check `log` fail. Signatures on such heads aren't checked. */
function hasOnlyHeadErrors({ checks, finding_counts }: Report): boolean {
  return checks.log.state === "fail" && !CHECKPOINT_ERRORS.some((code) => (finding_counts[code] ?? 0) > 0);
}

function unchanged(report: Report): Unchanged {
  const { verdict, checks, counts, finding_counts } = report;
  const changed = finding_counts["payload.mismatch"] ?? 0;
  if (changed > 0) return { is: "no", why: "events", changed, of: checks.payloads.checked };
  const failed = Object.entries(checks).flatMap(([name, { state }]) => (state === "fail" ? name : []));
  if (verdict === "altered") {
    const isContradicted = (finding_counts["append_only.split_view"] ?? 0) > 0;
    if (!isContradicted && failed.every((name) => name === "append_only"))
      return { is: "open", why: "older" };
    const isOfHeads = hasOnlyHeadErrors(report) && hasContradictoryHead(report);
    const isHistory = failed.every((name) => name === "append_only" || (name === "log" && isOfHeads));
    return { is: "no", why: isHistory ? "history" : "other" };
  }
  if (failed.some((name) => !CHECKS_OF_MISSING_PARTS.includes(name))) return { is: "no", why: "order" };
  if (checks.format.state !== "pass") return { is: "open", why: "unread" };
  if (counts.entries === 0) return { is: "open", why: "empty" };
  const isUnsigned =
    isOpen(checks.payloads, counts.events) ||
    isOpen(checks.chains, counts.entries) ||
    UNSIGNED.some((code) => (finding_counts[code] ?? 0) > 0);
  if (isUnsigned) return { is: "open", why: "unsigned" };
  return { is: "yes", events: counts.events };
}

/** True if a check has no answer although there is something to check. */
function isOpen({ state }: Check, items: number): boolean {
  return state === "not_checked" && items > 0;
}

/** True if any chain's signer is in doubt. */
export function hasAny(doubts: Judged["doubts"]): boolean {
  return doubts === "all" || doubts.length > 0;
}

/** Keys that were revoked, or that signed outside their validity. */
const REVOKED: readonly FindingCode[] = ["key.revoked", "key.expired", "key.not_yet_valid"];

function signed(report: Report, doubts: Judged["doubts"]): Signed {
  const { origin, checks, signers, finding_counts } = report;
  const hasHeadErrors = hasOnlyHeadErrors(report);
  const names = [...new Set(signers.map(({ vkey }) => vkey.split("+", 1)[0] ?? vkey))];
  if (checks.signatures.state === "fail") {
    const isRevoked = REVOKED.some((code) => (finding_counts[code] ?? 0) > 0);
    const isInvalid = (finding_counts["signature.invalid"] ?? 0) > 0;
    return { is: "no", why: isRevoked && !isInvalid ? "revoked" : "invalid", names };
  }
  if ((checks.log.state === "fail" && !hasHeadErrors) || (finding_counts["witness.signature"] ?? 0) > 0)
    return { is: "no", why: "invalid", names };
  if (origin === null) return { is: "open", why: "unread", names };
  if (signers.length === 0) return { is: "open", why: "nobody", names };
  if (checks.signatures.state !== "pass") {
    const areUnknown = signers.some(({ trust }) => trust === "untrusted");
    return {
      is: "open",
      why: areUnknown ? "unknown" : hasAny(doubts) ? "suspect" : "other",
      names,
    };
  }
  if (hasHeadErrors) return { is: "open", why: "other", names };
  if (lacksLogKey(report)) return { is: "partly", why: "log", names };
  return { is: "yes", names };
}

/** True if the last checkpoint has a signature, but none by a log key of the trust file. */
function lacksLogKey({ checks, finding_counts }: Report): boolean {
  return (finding_counts["log.unknown"] ?? 0) > 0 && checks.log.state !== "pass";
}

function complete(report: Report): Complete {
  const { origin, verdict, complete, counts, log, signers, finding_counts } = report;
  const { events, entries, withheld, skipped } = counts;
  const firsts = signers.map(({ first }) => first).sort();
  const lasts = signers.map(({ last }) => last).sort();
  const [from, to] = [firsts[0], lasts.at(-1)];
  const has = {
    events,
    shown: entries - withheld,
    of: entries + skipped,
    withheld,
    skipped,
    lacksLogKey: lacksLogKey(report),
    span: from === undefined || to === undefined ? undefined : ([from, to] as const),
  };
  if (origin === null) return { is: "open", why: "unread", ...has };
  if ((finding_counts["range.missing"] ?? 0) > 0) return { is: "no", why: "missing", ...has };
  if (has.of === 0 && verdict !== "verified") return { is: "open", why: "empty", ...has };
  if (verdict === "verified" && complete !== null) {
    if (complete.by !== "range") return { is: "partly", why: "chains", ...has };
    const [begin, end] = complete.range;
    if (begin === 0) return { is: "yes", by: end === log?.size ? "log" : "range", ...has };
    // The proof of a slice may begin before it.
    return { is: "yes", by: "range", ...has, span: undefined };
  }
  if (withheld + skipped > 0) return { is: "partly", why: "entries", ...has };
  return {
    is: "open",
    why: verdict === "altered" || verdict === "broken" ? "failed" : "undetermined",
    ...has,
  };
}
