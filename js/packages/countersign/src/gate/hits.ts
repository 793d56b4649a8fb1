/** Counts the hits of a limit within its window. */

import type { CountersignError } from "../error.js";

/** The result of counting an event. */
export interface HitResult {
  readonly isAllowed: boolean;
  /** When there is room again, in milliseconds since the epoch. */
  readonly until: number;
  /** The reason why the event could not be counted, and is refused. */
  readonly problem?: CountersignError | undefined;
  /** Removes the hit, if another limit refuses the event. */
  readonly undo?: (() => unknown) | undefined;
}

/** Allows at most `max` hits within any `windowMs`. Refused hits do not count. */
export class Hits {
  readonly #max: number;
  readonly #windowMs: number;
  /** Times of hits in ascending order; valid from index `#from` on. */
  #times: number[] = [];
  #from = 0;
  /** Number of hits that were removed from `#times`. */
  #removed = 0;
  /** Shared hits before the first of these, which count, too. They aren't copied, because many keys refer to them. */
  readonly #earlier: Hits | undefined;
  /** Number of the earlier hits, including those that were removed. */
  readonly #earlierEnd: number;
  readonly #earlierLast: number;

  constructor(max: number, windowMs: number, times: readonly number[] = [], earlier?: Hits) {
    this.#max = max;
    this.#windowMs = windowMs;
    this.#times = [...times];
    this.#earlier = earlier;
    this.#earlierEnd = earlier === undefined ? 0 : earlier.#removed + earlier.#times.length;
    this.#earlierLast = earlier?.last ?? 0;
  }

  /** Counts a hit. */
  add(now: number): HitResult {
    const refusal = this.refusal(now);
    if (refusal !== undefined) {
      return refusal;
    }
    // A clock that goes back must not allow more hits.
    this.#times.push(Math.max(now, this.last));
    return { isAllowed: true, until: now };
  }

  /** Removes the hit of this time. Shared hits aren't removed. */
  remove(at: number): void {
    const nth = this.#times.lastIndexOf(at);
    if (nth >= this.#from) {
      this.#times.splice(nth, 1);
    }
  }

  /** Returns the refusal of a hit; undefined if there is room for one. */
  refusal(now: number): HitResult | undefined {
    this.#forget(now - this.#windowMs);
    const earlier = this.#earlierTimes(now);
    const count = earlier + this.#times.length - this.#from;
    if (count < this.#max) {
      return undefined;
    }
    return { isAllowed: false, until: this.#timeOf(count - this.#max, earlier) + this.#windowMs + 1 };
  }

  /** True if no hit counts any longer. */
  isOver(now: number): boolean {
    return this.last < now - this.#windowMs;
  }

  /** The time of the last allowed hit. */
  get last(): number {
    return this.#times.at(-1) ?? this.#earlierLast;
  }

  /** Returns the number of earlier hits that still count. */
  #earlierTimes(now: number): number {
    const shared = this.#earlier;
    if (shared === undefined) {
      return 0;
    }
    shared.#forget(now - this.#windowMs);
    return Math.max(0, this.#earlierEnd - shared.#removed - shared.#from);
  }

  /** Returns the time of the nth hit that counts. The first ones are the earlier hits. */
  #timeOf(nth: number, earlier: number): number {
    const shared = this.#earlier;
    return shared !== undefined && nth < earlier
      ? (shared.#times[shared.#from + nth] as number)
      : (this.#times[this.#from + nth - earlier] as number);
  }

  /** Removes hits before this time. */
  #forget(moment: number): void {
    while (this.#from < this.#times.length && (this.#times[this.#from] as number) < moment) {
      this.#from += 1;
    }
    if (this.#from > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#from);
      this.#removed += this.#from;
      this.#from = 0;
    }
  }
}
