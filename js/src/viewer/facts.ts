/** What of a report matters to findings. */

import type { Facts } from "../analyze/types.js";
import type { Report } from "../report.js";

const DOUBTS = ["key.suspect", "key.late"];

/** As `countersign analyze` takes it. */
export function factsOf({ origin, log, verdict, complete, signers, findings }: Report): Facts {
  const doubted = findings.filter(({ code }) => DOUBTS.includes(code));
  return {
    origin,
    log: log && { size: log.size, root: log.root },
    verdict,
    complete: complete !== null && "range" in complete ? complete.range : null,
    signers: signers.map(({ vkey, trust }) => ({ vkey, trust })),
    suspects: [...new Set(doubted.flatMap(({ chain }) => chain ?? []))],
  };
}
