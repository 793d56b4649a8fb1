/** What is known of who signed an event. */

import type { Doubts, Signer, SignerTrust } from "@countersign/shared/report.js";

/**
 * What is known of who signed an event that matches its signature. Until there is a report nothing is: a key that was
 * authorized so far may turn out to be revoked.
 */
export type SignerTrustSoFar = SignerTrust | "unsettled";

/** What a signer trust is told by. */
export interface Signed {
  readonly chain: string;
  readonly vkey: string;
  readonly authorized: boolean;
}

/** What of a report tells signer trusts. */
export interface Signers {
  readonly signers: readonly Pick<Signer, "vkey" | "trust">[];
  readonly doubts: Doubts;
}

/**
 * How to tell each event's standing, as the core does; without a report nothing is known. An event is handed out before all
 * of the export is read: its chain may have turned out to be suspect since.
 */
export function signerTrusts(of: Signers | undefined): (event: Signed) => SignerTrustSoFar {
  if (of === undefined) {
    return () => "unsettled";
  }
  const { signers, doubts } = of;
  const trusts = new Map(signers.map(({ vkey, trust }) => [vkey, trust]));
  const chains = new Set(doubts === "all" ? [] : doubts);
  return ({ authorized, chain, vkey }) => {
    const isDoubted = doubts === "all" || chains.has(chain);
    const trust = trusts.get(vkey) ?? "unknown";
    if (authorized && !isDoubted && trust !== "unknown") {
      return "trusted";
    }
    if (trust === "revoked") {
      return "revoked";
    }
    return isDoubted ? "suspect" : "unknown";
  };
}
