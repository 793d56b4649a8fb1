import type { Finding, FindingCode, Judged, Phrases, Report } from "countersign/verify";

/** Relation of a verified state of a log to a later one, as determined by the core. */
export type Agreement =
  | { readonly is: "grown" }
  /** Both are one file, byte for byte. */
  | { readonly is: "identical" }
  | { readonly is: "contradicts"; readonly finding: Finding | undefined; readonly phrases: Phrases }
  | { readonly is: "unknown"; readonly why: "no-pin" | "not-reached" | "other-log" | "unread" | "failed" };

/** The parts of a verification that a comparison needs. */
export interface Verified {
  readonly report: Report;
  readonly pin: string | null;
}

/** Verifies an export against a pin, without the reader's other input. */
export type VerifyWithPin = (pin: string) => Promise<PinReport>;

/** A report, with its message parts as data. */
export type PinReport = Pick<Judged, "report" | "phrases">;

/** Verifies the larger of two exports against the pin of the smaller one. */
export async function agreement(
  smaller: Verified,
  larger: Verified,
  hold: VerifyWithPin,
): Promise<Agreement> {
  if (smaller.report.origin === null || larger.report.origin === null)
    return { is: "unknown", why: "unread" };
  if (smaller.report.origin !== larger.report.origin) return { is: "unknown", why: "other-log" };
  if (smaller.pin === null) return { is: "unknown", why: "no-pin" };
  return answer(await hold(smaller.pin));
}

/** Codes of findings about heads that contradict each other, or a pin that is a head proof. */
const HEAD_CONTRADICTIONS: readonly FindingCode[] = ["head.split", "head.order"];

/** Codes of all findings that contradict a pin. */
const CONTRADICTIONS: readonly FindingCode[] = [
  "append_only.split_view",
  "append_only.rollback",
  ...HEAD_CONTRADICTIONS,
];

/** True if a head contradicts another one, or a pin. The check `append_only` doesn't include this. */
export function hasContradictoryHead({ finding_counts }: Report): boolean {
  return HEAD_CONTRADICTIONS.some((code) => (finding_counts[code] ?? 0) > 0);
}

/** Returns the result of verifying an export against the one pin given. */
export function answer({ report, phrases }: PinReport): Agreement {
  const { state } = report.checks.append_only;
  if (state === "fail" || hasContradictoryHead(report)) {
    const finding = report.findings.find(({ code }) => CONTRADICTIONS.includes(code));
    return { is: "contradicts", finding, phrases };
  }
  return state === "pass" ? { is: "grown" } : { is: "unknown", why: "not-reached" };
}

/** Returns the number of entries up to the end of an export, including omitted ones. */
export function end({ counts }: Report): number {
  return counts.entries + counts.skipped;
}
