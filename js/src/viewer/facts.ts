/** What of a report matters to findings. */

import type { Facts } from "../analyze/types.js";
import type { Report } from "../report.js";

const DOUBTS = ["key.suspect", "key.late"];

/** The entries that an export is shown to be complete for: from the first up to, and without, the second. */
export function completeRange({ complete }: Pick<Report, "complete">): readonly [number, number] | undefined {
  return complete?.by === "range" ? complete.range : undefined;
}

/** As `countersign analyze` takes it. */
export function factsOf(report: Report): Facts {
  const { origin, log, verdict, signers, findings } = report;
  const doubted = findings.filter(({ code }) => DOUBTS.includes(code));
  return {
    origin,
    log: log && { size: log.size, root: log.root },
    verdict,
    complete: completeRange(report) ?? null,
    signers: signers.map(({ vkey, trust }) => ({ vkey, trust })),
    suspects: [...new Set(doubted.flatMap(({ chain }) => chain ?? []))],
  };
}
