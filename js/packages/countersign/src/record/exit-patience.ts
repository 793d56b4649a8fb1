/** How long a program that has nothing else to do is kept alive to deliver its events. */

/** Milliseconds for deliveries that fail, all in all. */
const TIMEOUT_MS = 5_000;
/** Milliseconds after that for each event that somebody waits for. */
const AWAITED_MS = 1_000;
/**
 * How often events that were recorded since the last time are delivered. A `beforeExit` listener that always records is
 * called again after each delivery, and would keep the program alive forever.
 */
const MAX_ROUNDS = 10;

export class ExitPatience {
  #left = TIMEOUT_MS;
  #rounds = 0;
  #recorded = -1;

  /** Milliseconds to try to deliver events up to the number `recorded`; 0 to let the program end. */
  next(recorded: number, isAwaited: boolean): number {
    if (recorded !== this.#recorded) {
      this.#recorded = recorded;
      this.#rounds++;
    }
    if (isAwaited) {
      return Math.max(this.#left, AWAITED_MS);
    }
    return this.isOver ? 0 : this.#left;
  }

  /** True if the program is kept alive no longer for events that nobody waits for. */
  get isOver(): boolean {
    return this.#rounds > MAX_ROUNDS || this.#left === 0;
  }

  /** Counts milliseconds of deliveries that failed. */
  failed(milliseconds: number): void {
    this.#left = Math.max(0, this.#left - milliseconds);
  }

  /** Restores the time: the log can be reached. */
  succeeded(): void {
    this.#left = TIMEOUT_MS;
  }
}
