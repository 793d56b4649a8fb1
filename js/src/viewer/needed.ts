/** What is said of a check: how it ended, and whether anything asked for what it left open. */

import type { CheckName, CheckState, Judged } from "../report.js";

/** How a check is shown: what nothing asks for is not needed, and only the rest was not checked. */
export type Outcome = CheckState | "not_needed";

export function outcomeOf(name: CheckName, { report, notNeeded }: Pick<Judged, "report" | "notNeeded">): Outcome {
  return notNeeded.includes(name) ? "not_needed" : report.checks[name].state;
}
