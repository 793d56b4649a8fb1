/** Remembers the requests that a handler accepted, so that it accepts none twice. */

/** Maximum difference between the time of a request and the handler's clock, in milliseconds. */
const MAX_AGE_MS = 5 * 60_000;
/** Maximum number of requests that are remembered. They take 11 to 24 MB. */
const MAX_REQUESTS = 1 << 16;

/** The result of {@link AcceptedRequests.accept}. */
export type Acceptance = "accepted" | "outdated" | "repeated" | "full";

/** The requests that were accepted within the last minutes. */
export class AcceptedRequests {
  /** The requests' times in milliseconds since the epoch, in the order of their acceptance. */
  readonly #times = new Map<string, number>();

  /**
   * Accepts a request with this text and time, unless it is more than 5 minutes old or dated ahead, or was accepted
   * before.
   */
  accept(text: string, time: number, now: number): Acceptance {
    for (const [oldest, time] of this.#times) {
      if (now - time <= MAX_AGE_MS) {
        break;
      }
      this.#times.delete(oldest);
    }
    // A time that can't be parsed is NaN.
    if (!(Math.abs(now - time) <= MAX_AGE_MS)) {
      return "outdated";
    }
    if (this.#times.has(text)) {
      return "repeated";
    }
    if (this.#times.size >= MAX_REQUESTS) {
      return "full";
    }
    this.#times.set(text, time);
    return "accepted";
  }

  /** Forgets a request that was accepted here, but refused afterwards. */
  forget(text: string): void {
    this.#times.delete(text);
  }
}
