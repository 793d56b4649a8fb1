import { doubtsOf, type Signed, type Standing, standings as standingsBy } from "../index/standing.js";
import type { Report } from "../report.js";

export type { Signed, Standing } from "../index/standing.js";

/** How to tell each event's standing by a report. */
export function standings(report: Report | undefined): (event: Signed) => Standing {
  return standingsBy(report && doubtsOf(report));
}
