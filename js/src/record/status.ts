/** How a recorder is, and how it is asked to flush. */

import type { LastProof } from "../deliver/delivery.js";
import type { CountersignError } from "../error.js";

/** How a recorder is. */
export interface Status {
  /** Events that wait for a link. */
  readonly queued: number;
  /** Events and bytes that wait to be delivered, all in all. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Events that are being sent now. */
  readonly inFlight: number;
  /** The chain, once it has a link. */
  readonly chain: string | undefined;
  /** The newest proof that was verified. */
  readonly lastProof: LastProof | undefined;
  /** What kept the last flush from ending well; nothing after one that did. */
  readonly lastError: CountersignError | undefined;
  /** Milliseconds until it is tried again by itself. */
  readonly retryIn: number | undefined;
  /** Events that there was no room for, and that are not yet recorded as `countersign.dropped`. */
  readonly dropped: number;
  /** Values, and parts of texts, that were redacted of what this recorder recorded. */
  readonly redacted: number;
  /** Chains that cannot go on, and why. What waits of them stays in the outbox, and is not sent again by itself. */
  readonly dead: readonly { readonly chain: string; readonly error: CountersignError }[];
}

/** How to flush. */
export interface FlushPatience {
  /**
   * For how many milliseconds to try again what fails. The flush rejects then, whatever is still under way. By default
   * it is tried once.
   */
  patience?: number | undefined;
}
