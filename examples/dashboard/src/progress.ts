/** How many of this page's events are how far. */

import type { Report } from "countersign/verify";
import type { Audit } from "./audit.ts";

/** How many are at a step; of the last two, or past it. */
export interface Tally {
  readonly queued: number;
  readonly sending: number;
  readonly proven: number;
  readonly verified: number;
}

/** Counts clicks by what is known of them: from the recorder, and from the viewer that reads the log. */
export class Progress {
  readonly #audit: Audit;
  /** The leaf up to which the log was read back and found intact. */
  #readUpTo = 0;

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  /** Takes what the viewer makes of the log. */
  take({ verdict, log }: Report): void {
    // Which verdict it is, the verifier alone says; of a part of a log it is at best `partial`.
    if ((verdict === "verified" || verdict === "partial") && log !== null) {
      this.#readUpTo = Math.max(this.#readUpTo, log.size);
    }
  }

  tally(): Tally {
    const { waiting = 0, inFlight = 0 } = this.#audit.status ?? {};
    const places = this.#audit.clicks.flatMap(({ place }) => place ?? []);
    return {
      queued: waiting - inFlight,
      sending: inFlight,
      proven: places.length,
      verified: places.filter(({ index }) => index !== null && index < this.#readUpTo).length,
    };
  }
}
