/** What is known of who signed an event. */

import type { Doubts, Signer, Standing } from "@countersign/shared/report.js";

/**
 * What is known of who signed an event that matches its signature. Until there is a report nothing is: a key that was
 * authorised so far may turn out to be revoked.
 */
export type StandingSoFar = Standing | "unsettled";

/** What a standing is told by. */
export interface Signed {
  readonly chain: string;
  readonly vkey: string;
  readonly authorised: boolean;
}

/** What of a report tells standings. */
export interface Signers {
  readonly signers: readonly Pick<Signer, "vkey" | "trust">[];
  readonly doubts: Doubts;
}

/**
 * How to tell each event's standing, as the core does; without a report nothing is known. An event is handed out before all
 * of the export is read: its chain may have turned out to be suspect since.
 */
export function standings(of: Signers | undefined): (event: Signed) => StandingSoFar {
  if (of === undefined) {
    return () => "unsettled";
  }
  const { signers, doubts } = of;
  const trusts = new Map(signers.map(({ vkey, trust }) => [vkey, trust]));
  const chains = new Set(doubts === "all" ? [] : doubts);
  return ({ authorised, chain, vkey }) => {
    const isDoubted = doubts === "all" || chains.has(chain);
    const trust = trusts.get(vkey) ?? "unknown";
    if (authorised && !isDoubted && trust !== "unknown") {
      return "trusted";
    }
    if (trust === "revoked") {
      return "revoked";
    }
    return isDoubted ? "suspect" : "unknown";
  };
}
