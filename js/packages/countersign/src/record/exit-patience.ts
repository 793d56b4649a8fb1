/** Decides how long to keep an otherwise idle program alive to deliver its events. */

/** Total milliseconds for failing deliveries. */
const TIMEOUT_MS = 5_000;
/** Extra milliseconds per awaited event. */
const AWAITED_MS = 1_000;
/**
 * Maximum number of deliveries of newly recorded events. A `beforeExit` listener that always records is called again
 * after each delivery and would keep the program alive forever.
 */
const MAX_ROUNDS = 10;

export class ExitPatience {
  #left = TIMEOUT_MS;
  #rounds = 0;
  #recorded = -1;

  /** Returns the milliseconds to try to deliver events up to number `recorded`; 0 to let the program end. */
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

  /** True if the program is no longer kept alive for events that no caller awaits. */
  get isOver(): boolean {
    return this.#rounds > MAX_ROUNDS || this.#left === 0;
  }

  /** Subtracts the milliseconds of a failed delivery. */
  failed(milliseconds: number): void {
    this.#left = Math.max(0, this.#left - milliseconds);
  }

  /** Resets the time, because the log is reachable. */
  succeeded(): void {
    this.#left = TIMEOUT_MS;
  }
}
