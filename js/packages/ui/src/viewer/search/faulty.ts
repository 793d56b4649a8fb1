/** Exports that fail their own checks: events saved from one must not look as if it had passed them. */

import type { Report, Verdict } from "@countersign/shared/report.js";

/** Returns the verdict of an export that fails its own checks; undefined if it passes them, or has no verdict. */
export function faultOf(
  report: Pick<Report, "verdict"> | undefined,
): Extract<Verdict, "altered" | "broken"> | undefined {
  const verdict = report?.verdict;
  return verdict === "altered" || verdict === "broken" ? verdict : undefined;
}

/** Returns what the name of a file says about the export that its events come from, such as `-of-altered-file`. */
export function faultInName(report: Pick<Report, "verdict"> | undefined): string {
  const fault = faultOf(report);
  return fault === undefined ? "" : `-of-${fault}-file`;
}
