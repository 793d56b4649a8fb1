/** What is said of a check: how it ended, and whether anything asked for what it left open. */

import type { CheckName, CheckState, FindingCode, Report } from "../report.js";

/** How a check is shown: what nothing asks for is not needed, and only the rest was not checked. */
export type Outcome = CheckState | "not_needed";

export function outcomeOf(name: CheckName, report: Report): Outcome {
  return isNotNeeded(name, report) ? "not_needed" : report.checks[name].state;
}

/** As `Report::is_not_needed` has it (SPEC.md, section 9). */
function isNotNeeded(name: CheckName, { verdict, checks, finding_counts, log }: Report): boolean {
  const { state, checked } = checks[name];
  if (state !== "not_checked" || checks.format.checked === 0) return false;
  if (verdict === "verified") return true;
  const has = (code: FindingCode) => (finding_counts[code] ?? 0) > 0;
  const otherPasses = (other: CheckName) => verdict !== "partial" && checks[other].state === "pass";
  if (checked > 0) return false;
  switch (name) {
    case "tree":
    case "log":
      return log === null && !has("log.unknown") && !has("tree.uncovered") && verdict !== "not_checked";
    case "range":
      return otherPasses("closure");
    case "closure":
      return otherPasses("range");
    case "append_only":
      return !has("append_only.not_reached");
    case "witnesses":
      return !has("witness.quorum") && (log !== null || verdict !== "not_checked");
    case "expected":
      return verdict !== "not_checked";
    default:
      return false;
  }
}
