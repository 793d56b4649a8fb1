/** What is known of who signed an event. */

import type { Report } from "../report.js";

/**
 * What is known of who signed an event that matches its signature. Until there is a report nothing is: a key that was
 * authorised so far may turn out to be revoked.
 */
export type Standing = "trusted" | "unconfirmed" | "suspect" | "unsettled";

/** The chains whose signers are in doubt; all are, where a report lists fewer such chains than there are. */
export type Doubts = "all" | readonly string[];

/** What a standing is told by. */
export interface Signed {
  readonly chain: string;
  readonly authorised: boolean;
}

const CODES = ["key.suspect", "key.late"] as const;

/** An event is handed out before all of the export is read; its chain may have turned out to be suspect since. */
export function doubtsOf({ findings, finding_counts }: Report): Doubts {
  const doubted = findings.filter(({ code }) => CODES.some((doubt) => doubt === code));
  const total = CODES.reduce((sum, code) => sum + (finding_counts[code] ?? 0), 0);
  const chains = doubted.flatMap(({ chain }) => chain ?? []);
  return total > chains.length ? "all" : [...new Set(chains)];
}

/** How to tell each event's standing; without a report's doubts nothing is known. */
export function standings(doubts: Doubts | undefined): (event: Signed) => Standing {
  if (doubts === undefined) {
    return () => "unsettled";
  }
  if (doubts === "all") {
    return () => "suspect";
  }
  const chains = new Set(doubts);
  return ({ authorised, chain }) => {
    if (chains.has(chain)) {
      return "suspect";
    }
    return authorised ? "trusted" : "unconfirmed";
  };
}
