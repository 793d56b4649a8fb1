/** The last so many moments at which something was let through. */

/** What a limit says of one more. */
export interface Counted {
  readonly isAllowed: boolean;
  /** When there is room again, in milliseconds. */
  readonly until: number;
}

/** Lets through at most so many in any stretch of time so long. What is refused does not count. */
export class Hits {
  readonly #most: number;
  readonly #per: number;
  /** Oldest first, from `#from` on. */
  #times: number[] = [];
  #from = 0;

  constructor(most: number, per: number, times: readonly number[] = []) {
    this.#most = most;
    this.#per = per;
    this.#times = [...times];
  }

  /** One more, now. */
  take(now: number): Counted {
    this.#forget(now - this.#per);
    if (this.#times.length - this.#from >= this.#most) {
      const oldest = this.#times[this.#times.length - this.#most] ?? now;
      return { isAllowed: false, until: oldest + this.#per + 1 };
    }
    // A clock that is set back makes no room.
    const last = this.#times.at(-1) ?? now;
    this.#times.push(Math.max(now, last));
    return { isAllowed: true, until: now };
  }

  /** When it let something through last. */
  get last(): number {
    return this.#times.at(-1) ?? 0;
  }

  /** Forgets what was at that moment or before. */
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
