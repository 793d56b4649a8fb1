/** The clock that links are dated by: this machine's, set back by what a log said that it is ahead. */

import { CountersignError } from "../error.js";

/** By so much a clock may differ from the log's, or be set, and nothing is made of it. Logs take what is a little ahead. */
const AGREE = 60_000;
/** The most that a log is believed: nobody signs what its clock shows. */
const MOST = 86_400_000;
/** For how long. Then this machine's own clock counts until the log refuses it again. */
const BELIEVED = 3_600_000;

/** From how much on it is told that a clock is behind. */
export const BEHIND = 120_000;

/** What is to be done about a clock. */
export const SET = "set this machine's clock; or have the log's set, if that is the one which is wrong";

/** That this machine's clock is behind. No log refuses what is dated so, and nothing is dated anew. */
export function clockBehind(millis: number): CountersignError {
  const what = `this machine's clock is ${Math.round(millis / 1000)} s behind the log's, and events are dated by it`;
  return new CountersignError("clock.behind", what, { hint: SET });
}

/** What follows from a log's clock. */
export interface Learnt {
  /** By how many milliseconds this machine's clock is ahead of the log's; negative where it is behind. */
  readonly ahead: number;
  /** Whether links are dated by the log's clock from now on. */
  readonly isCorrected: boolean;
  /** Whether that is more than a log is believed. */
  readonly isTooMuch: boolean;
  /** When an event happened that was recorded with that time, as far as one can know. */
  dated(millis: number): number;
}

export class Clock {
  readonly #own: () => number;
  /** By how many milliseconds the own clock is taken to be ahead. */
  #ahead = 0;
  /** Since when, and what the own clock showed more, by a clock that nobody sets. */
  #since = 0;
  #apart = 0;

  constructor(own: () => number) {
    this.#own = own;
  }

  /** Milliseconds from the epoch. */
  readonly now = (): number => {
    const own = this.#own();
    if (this.#ahead !== 0 && this.#isOutdated(own)) {
      this.#ahead = 0;
    }
    return own - this.#ahead;
  };

  /** Takes in what the log's clock showed when it refused links that were dated after it. */
  learn(logTime: number): Learnt {
    const own = this.#own();
    const ahead = own - logTime;
    const isTooMuch = ahead > MOST;
    const isCorrected = ahead > AGREE && !isTooMuch;
    const since = performance.now();
    if (isCorrected) {
      [this.#ahead, this.#since, this.#apart] = [ahead, since, own - since];
    }
    const now = Math.min(own, logTime);
    const dated = (millis: number) => (millis <= now ? millis : Math.min(isCorrected ? millis - ahead : millis, now));
    return { ahead, isCorrected, isTooMuch, dated };
  }

  /** Whether the own clock was set since, or the log believed for long enough. */
  #isOutdated(own: number): boolean {
    const since = performance.now();
    return since - this.#since > BELIEVED || Math.abs(own - since - this.#apart) > AGREE;
  }
}
