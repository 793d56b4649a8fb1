/** What is known of who signed an event. */

import type { Doubts } from "../report.js";

/**
 * What is known of who signed an event that matches its signature. Until there is a report nothing is: a key that was
 * authorised so far may turn out to be revoked.
 */
export type Standing = "trusted" | "unconfirmed" | "suspect" | "unsettled";

/** What a standing is told by. */
export interface Signed {
  readonly chain: string;
  readonly authorised: boolean;
}

/**
 * How to tell each event's standing; without a report's doubts nothing is known. An event is handed out before all of the
 * export is read: its chain may have turned out to be suspect since.
 */
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
