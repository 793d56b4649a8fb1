/** Counts this page's events by step. */

import type { Report } from "countersign/verify";
import type { Audit } from "./audit.ts";

/** Number of events per step. The last two include later steps. */
export interface Tally {
  readonly queued: number;
  readonly sending: number;
  readonly proven: number;
  readonly verified: number;
}

/** Counts clicks by their state, known from the recorder and from the viewer that reads the log. */
export class Progress {
  readonly #audit: Audit;
  /** The entry up to which the log was read back and verified. */
  #readUpTo = 0;

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  /** Updates the state from the viewer's report. */
  update({ verdict, log }: Report): void {
    // The verdict comes from the verifier alone; for part of a log it is at best `partial`.
    if ((verdict === "verified" || verdict === "partial") && log !== null) {
      this.#readUpTo = Math.max(this.#readUpTo, log.size);
    }
  }

  tally(): Tally {
    const { waiting = 0, inFlight = 0 } = this.#audit.status ?? {};
    const receipts = this.#audit.clicks.flatMap(({ receipt }) => receipt ?? []);
    return {
      queued: waiting - inFlight,
      sending: inFlight,
      proven: receipts.length,
      verified: receipts.filter(({ index }) => index !== null && index < this.#readUpTo).length,
    };
  }
}
