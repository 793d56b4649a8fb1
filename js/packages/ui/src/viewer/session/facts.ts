/** The parts of a report that findings depend on. */

import type { Judged, Report } from "@countersign/shared/report.js";
import type { Facts, LogSummary } from "../../analyze/types.js";
import type { SignerFacts } from "../../index/signer-trust.js";

/** Returns the range of entries for which an export is complete, as `[begin, end)`. */
export function completeRange({ complete }: Pick<Report, "complete">): readonly [number, number] | undefined {
  return complete?.by === "range" ? complete.range : undefined;
}

/** True if all entries of the log so far are here. */
export function coversWholeLog(report: Report): boolean {
  const range = completeRange(report);
  return range !== undefined && range[0] === 0 && range[1] === report.log?.size && report.counts.skipped === 0;
}

/** Returns a summary of the verified log. */
export function logSummaryOf(report: Report): LogSummary {
  const { origin, log, verdict } = report;
  const complete = completeRange(report) ?? null;
  return { origin, log: log && { size: log.size, root: log.root }, verdict, complete };
}

/** Returns the same summary, plus signers and doubts. */
export function factsOf({
  report,
  doubts,
  authorized,
}: Pick<Judged, "report" | "doubts"> & Pick<SignerFacts, "authorized">): Facts {
  const signers = report.signers.map(({ vkey, trust }) => ({ vkey, trust }));
  return { ...logSummaryOf(report), signers, doubts, ...(authorized && { authorized }) };
}
