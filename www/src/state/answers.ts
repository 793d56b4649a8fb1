import type { Check, FindingCode, Report } from "countersign/verify";

/** How an answer is meant: yes, no, or nobody can tell from this. */
export type Meant = "yes" | "no" | "partly" | "open";

/** Whether what is here is what was signed. */
export type Unchanged =
  | { readonly is: "yes"; readonly events: number }
  /** So many events are not what was signed. */
  | { readonly is: "no"; readonly why: "events"; readonly changed: number; readonly of: number }
  /** Something else is not, or is missing, repeated or out of order, or only a pin says otherwise. */
  | { readonly is: "no"; readonly why: "other" | "order" | "history" }
  | { readonly is: "open"; readonly why: "unread" | "unsigned" };

/** Whose signatures these are. */
export type Signed =
  | { readonly is: "yes"; readonly names: readonly string[] }
  | { readonly is: "no"; readonly why: "invalid" | "revoked"; readonly names: readonly string[] }
  | {
      readonly is: "open";
      readonly why: "unknown" | "log" | "other" | "nobody";
      readonly names: readonly string[];
    };

/** How much of the log this is. */
export type Complete = (
  | { readonly is: "yes"; readonly by: "log" | "range" | "chains" }
  | { readonly is: "partly" }
  | { readonly is: "open"; readonly why: "untold" | "failed" | "empty" }
) & {
  /** Events here, entries here, entries there are up to the last one here, and what of them is not. */
  readonly events: number;
  readonly shown: number;
  readonly of: number;
  readonly withheld: number;
  readonly skipped: number;
  /** When the first and the last of them were recorded, by their signers' clocks. */
  readonly span: readonly [from: string, to: string] | undefined;
};

/** The three questions that anyone has about a file, answered by its report and nothing else. */
export interface Answers {
  readonly unchanged: Unchanged;
  readonly signed: Signed;
  readonly complete: Complete;
}

export function answersOf(report: Report): Answers {
  return { unchanged: unchanged(report), signed: signed(report), complete: complete(report) };
}

function unchanged({ verdict, checks, counts, finding_counts }: Report): Unchanged {
  const changed = finding_counts["payload.mismatch"] ?? 0;
  if (changed > 0) return { is: "no", why: "events", changed, of: checks.payloads.checked };
  if (verdict === "altered") {
    const failed = Object.entries(checks).filter(([, { state }]) => state === "fail");
    const isHistory = failed.every(([name]) => name === "append_only");
    return { is: "no", why: isHistory ? "history" : "other" };
  }
  if (verdict === "broken") return { is: "no", why: "order" };
  if (checks.format.state !== "pass") return { is: "open", why: "unread" };
  const isSigned = isOpen(checks.payloads, counts.events) || isOpen(checks.chains, counts.leaves);
  if (isSigned) return { is: "open", why: "unsigned" };
  return { is: "yes", events: counts.events };
}

/** Whether a check has no answer though there is something to check. */
function isOpen({ state }: Check, items: number): boolean {
  return state === "not_checked" && items > 0;
}

/** Keys that were taken back, or that signed outside of their time. */
const REVOKED: readonly FindingCode[] = ["key.revoked", "key.expired", "key.not_yet_valid"];

function signed({ checks, signers, finding_counts }: Report): Signed {
  const names = [...new Set(signers.map(({ vkey }) => vkey.split("+", 1)[0] ?? vkey))];
  if (checks.signatures.state === "fail") {
    const isRevoked = REVOKED.some((code) => (finding_counts[code] ?? 0) > 0);
    const isInvalid = (finding_counts["signature.invalid"] ?? 0) > 0;
    return { is: "no", why: isRevoked && !isInvalid ? "revoked" : "invalid", names };
  }
  if (checks.log.state === "fail" || checks.witnesses.state === "fail")
    return { is: "no", why: "invalid", names };
  if (signers.length === 0) return { is: "open", why: "nobody", names };
  if (checks.signatures.state !== "pass") {
    const areUnknown = signers.some(({ trust }) => trust === "unknown");
    return { is: "open", why: areUnknown ? "unknown" : "other", names };
  }
  if ((finding_counts["log.unknown"] ?? 0) > 0 && checks.log.state !== "pass")
    return { is: "open", why: "log", names };
  return { is: "yes", names };
}

function complete({ verdict, complete, counts, log, signers }: Report): Complete {
  const { events, leaves, withheld, skipped } = counts;
  const firsts = signers.map(({ first }) => first).sort();
  const lasts = signers.map(({ last }) => last).sort();
  const [from, to] = [firsts[0], lasts.at(-1)];
  const has = {
    events,
    shown: leaves - withheld,
    of: leaves + skipped,
    withheld,
    skipped,
    span: from === undefined || to === undefined ? undefined : ([from, to] as const),
  };
  if (has.of === 0) return { is: "open", why: "empty", ...has };
  if (verdict === "verified" && complete !== null) {
    if (complete.by !== "range") return { is: "yes", by: "chains", ...has };
    const [begin, end] = complete.range;
    if (begin === 0) return { is: "yes", by: end === log?.size ? "log" : "range", ...has };
    // What proves a part may begin before it.
    return { is: "yes", by: "range", ...has, span: undefined };
  }
  if (withheld + skipped > 0) return { is: "partly", ...has };
  return { is: "open", why: verdict === "altered" || verdict === "broken" ? "failed" : "untold", ...has };
}
