/** Signer trust of events. */

import type { Doubts, Signer, SignerTrust } from "@countersign/shared/report.js";

/**
 * Trust of the signer of an event that matches its signature. Unsettled until there is a report, because a key that
 * was authorized so far may turn out to be revoked.
 */
export type SignerTrustSoFar = SignerTrust | "unsettled";

/** The data of an event that its signer trust depends on. */
export interface SignedEvent {
  readonly chain: string;
  readonly vkey: string;
  readonly authorized: boolean;
}

/** The parts of a report that signer trust depends on. */
export interface SignerFacts {
  readonly signers: readonly Pick<Signer, "vkey" | "trust">[];
  readonly doubts: Doubts;
  /**
   * The chains whose key is authorized, if the events were passed on with another trust file. Undefined if the events'
   * own `authorized` applies.
   */
  readonly authorized?: readonly string[] | undefined;
}

/**
 * Returns a function that determines signer trust as the core does; unsettled without a report. An event is returned
 * before all of the export is read, so its chain may have become suspect since.
 */
export function signerTrusts(report: SignerFacts | undefined): (event: SignedEvent) => SignerTrustSoFar {
  if (report === undefined) {
    return () => "unsettled";
  }
  const { signers, doubts } = report;
  const allowed = report.authorized && new Set(report.authorized);
  const trusts = new Map(signers.map(({ vkey, trust }) => [vkey, trust]));
  const chains = new Set(doubts === "all" ? [] : doubts);
  return ({ authorized, chain, vkey }) => {
    const isDoubted = doubts === "all" || chains.has(chain);
    const trust = trusts.get(vkey) ?? "untrusted";
    const isAuthorized = allowed === undefined ? authorized : allowed.has(chain);
    if (isAuthorized && !isDoubted && trust !== "untrusted") {
      return "trusted";
    }
    if (trust === "revoked") {
      return "revoked";
    }
    return isDoubted ? "suspect" : "untrusted";
  };
}
