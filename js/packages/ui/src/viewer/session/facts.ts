/** What of a report matters to findings. */

import type { Judged, Report } from "@countersign/shared/report.js";
import type { Facts, Seen } from "../../analyze/types.js";

/** The entries that an export is shown to be complete for: from the first up to, and without, the second. */
export function completeRange({ complete }: Pick<Report, "complete">): readonly [number, number] | undefined {
  return complete?.by === "range" ? complete.range : undefined;
}

/** What findings and endpoints say of the log that they are of. */
export function seenOf(report: Report): Seen {
  const { origin, log, verdict } = report;
  const complete = completeRange(report) ?? null;
  return { origin, log: log && { size: log.size, root: log.root }, verdict, complete };
}

/** The same with who signed, and whose signatures are in doubt. */
export function factsOf({ report, doubts }: Pick<Judged, "report" | "doubts">): Facts {
  const signers = report.signers.map(({ vkey, trust }) => ({ vkey, trust }));
  return { ...seenOf(report), signers, doubts };
}
