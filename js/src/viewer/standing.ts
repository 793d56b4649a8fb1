import type { Report } from "../report.js";
import { doubtsOf, type Signed, type Standing, standings as standingsBy } from "../shelf/standing.js";
import type { IconName, Tone } from "./icons.js";

export type { Signed, Standing } from "../shelf/standing.js";

/** The sign beside each word for it. */
export const STANDING_SIGNS: Readonly<Record<Standing, { readonly icon: IconName; readonly tone: Tone }>> = {
  trusted: { icon: "pass", tone: "good" },
  unconfirmed: { icon: "unknown", tone: "doubt" },
  suspect: { icon: "warning", tone: "bad" },
  unsettled: { icon: "waiting", tone: "faint" },
};

/** How to tell each event's standing by a report. */
export function standings(report: Report | undefined): (event: Signed) => Standing {
  return standingsBy(report && doubtsOf(report));
}
