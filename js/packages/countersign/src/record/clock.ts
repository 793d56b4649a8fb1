/** The clock for event times: this machine's clock, set back if a log reported that it is ahead. */

import { CountersignError } from "../error.js";

/** Clock differences and changes up to this many milliseconds are ignored. Logs accept times slightly in the future. */
const MAX_IGNORED_MS = 60_000;
/** Largest correction accepted from a log, in milliseconds: the log's time is not signed. */
const MAX_CORRECTION_MS = 86_400_000;
/**
 * Milliseconds for which a correction applies. After that, this machine's clock is used until the log rejects it again.
 */
const CORRECTION_TTL_MS = 3_600_000;

/** A clock at least this many milliseconds behind the log's is reported. */
export const REPORTED_LAG_MS = 120_000;

/** Hint for a wrong clock. */
export const CLOCK_HINT = "set this machine's clock, or have the log server's clock set if that one is wrong";

/** Returns the warning that this machine's clock is behind. Logs accept such times, so they aren't changed. */
export function clockBehind(millis: number): CountersignError {
  const message = `this machine's clock is ${Math.round(millis / 1000)} s behind the log's, so events are recorded with wrong times`;
  return new CountersignError("clock.behind", message, { hint: CLOCK_HINT });
}

/** The result of comparing this machine's clock with a log's. */
export interface ClockCorrection {
  /** Milliseconds by which this machine's clock is ahead of the log's; negative if it's behind. */
  readonly ahead: number;
  /** True if events get the log's time from now on. */
  readonly isCorrected: boolean;
  /** True if the difference exceeds the largest accepted correction. */
  readonly isTooMuch: boolean;
  /** Returns the best estimate of when an event with this recorded time happened. */
  dated(millis: number): number;
}

export class Clock {
  readonly #own: () => number;
  /** Milliseconds by which this machine's clock is assumed to be ahead. */
  #ahead = 0;
  /** When the correction was made on the monotonic clock, and the difference between both clocks then. */
  #since = 0;
  #apart = 0;

  constructor(own: () => number) {
    this.#own = own;
  }

  /** Returns the time in milliseconds since the epoch. */
  readonly now = (): number => {
    const own = this.#own();
    if (this.#ahead !== 0 && this.#isOutdated(own)) {
      this.#ahead = 0;
    }
    return own - this.#ahead;
  };

  /** Learns from the log's time after it rejected links with later times. */
  learn(logTime: number): ClockCorrection {
    const own = this.#own();
    const ahead = own - logTime;
    const isTooMuch = ahead > MAX_CORRECTION_MS;
    const isCorrected = ahead > MAX_IGNORED_MS && !isTooMuch;
    const since = performance.now();
    if (isCorrected) {
      [this.#ahead, this.#since, this.#apart] = [ahead, since, own - since];
    }
    const now = Math.min(own, logTime);
    const dated = (millis: number) => (millis <= now ? millis : Math.min(isCorrected ? millis - ahead : millis, now));
    return { ahead, isCorrected, isTooMuch, dated };
  }

  /** True if the clock was set since the correction, or the correction has expired. */
  #isOutdated(own: number): boolean {
    const since = performance.now();
    return since - this.#since > CORRECTION_TTL_MS || Math.abs(own - since - this.#apart) > MAX_IGNORED_MS;
  }
}
