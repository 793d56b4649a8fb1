import type { Finding, Judged, Phrases, Report } from "countersign/verify";

/** Whether a log only grew from one state that was verified to another, as the core answers it. */
export type Agreement =
  | { readonly is: "grown" }
  /** The two are one file, byte for byte. */
  | { readonly is: "identical" }
  | { readonly is: "contradicts"; readonly finding: Finding | undefined; readonly phrases: Phrases }
  | { readonly is: "unknown"; readonly why: "no-pin" | "not-reached" | "other-log" | "unread" | "failed" };

/** What verifying an export gave, as far as it matters here. */
export interface Verified {
  readonly report: Report;
  readonly pin: string | null;
}

/** Verifies an export against a pin and nothing else that the reader brought. */
export type Hold = (pin: string) => Promise<Held>;

/** What it gives: a report, and what that says to people as data. */
export type Held = Pick<Judged, "report" | "phrases">;

/** Holds the larger of two exports against the pin that the smaller one gave. */
export async function agreement(smaller: Verified, larger: Verified, hold: Hold): Promise<Agreement> {
  if (smaller.report.origin === null || larger.report.origin === null)
    return { is: "unknown", why: "unread" };
  if (smaller.report.origin !== larger.report.origin) return { is: "unknown", why: "other-log" };
  if (smaller.pin === null) return { is: "unknown", why: "no-pin" };
  return answer(await hold(smaller.pin));
}

/** What the check of the one pin that was given says. */
export function answer({ report, phrases }: Held): Agreement {
  const { checks, findings } = report;
  switch (checks.append_only.state) {
    case "pass":
      return { is: "grown" };
    case "fail":
      return { is: "contradicts", finding: findings.find(isContradiction), phrases };
    case "not_checked":
      return { is: "unknown", why: "not-reached" };
  }
}

function isContradiction({ code }: Finding): boolean {
  return code === "append_only.split_view" || code === "append_only.rollback";
}

/** How many leaves an export goes up to: those here and those left out. */
export function end({ counts }: Report): number {
  return counts.entries + counts.skipped;
}
