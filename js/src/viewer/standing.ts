import type { Report } from "../report.js";
import { doubtsOf, type Signed, type Standing, standings as standingsBy } from "../shelf/standing.js";

export type { Signed, Standing } from "../shelf/standing.js";

/** How to tell each event's standing by a report. */
export function standings(report: Report | undefined): (event: Signed) => Standing {
  return standingsBy(report && doubtsOf(report));
}
