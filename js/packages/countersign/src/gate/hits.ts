/** Counts the hits of a limit within its window. */

/** The result of counting an event. */
export interface HitResult {
  readonly isAllowed: boolean;
  /** When there is room again, in milliseconds since the epoch. */
  readonly until: number;
}

/** Allows at most `max` hits within any `windowMs`. Refused hits do not count. */
export class Hits {
  readonly #max: number;
  readonly #windowMs: number;
  /** Times of hits in ascending order; valid from index `#from` on. */
  #times: number[] = [];
  #from = 0;

  constructor(max: number, windowMs: number, times: readonly number[] = []) {
    this.#max = max;
    this.#windowMs = windowMs;
    this.#times = [...times];
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

  /** Returns the refusal of a hit; undefined if there is room for one. */
  refusal(now: number): HitResult | undefined {
    this.#forget(now - this.#windowMs);
    if (this.#times.length - this.#from < this.#max) {
      return undefined;
    }
    const oldest = this.#times[this.#times.length - this.#max] ?? now;
    return { isAllowed: false, until: oldest + this.#windowMs + 1 };
  }

  /** True if no hit counts any longer. */
  isOver(now: number): boolean {
    return this.last < now - this.#windowMs;
  }

  /** The times of the hits that still count. */
  times(now: number): readonly number[] {
    this.#forget(now - this.#windowMs);
    return this.#times.slice(this.#from);
  }

  /** The time of the last allowed hit. */
  get last(): number {
    return this.#times.at(-1) ?? 0;
  }

  /** Removes hits before this time. */
  #forget(moment: number): void {
    while (this.#from < this.#times.length && (this.#times[this.#from] as number) < moment) {
      this.#from += 1;
    }
    if (this.#from > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#from);
      this.#from = 0;
    }
  }
}
