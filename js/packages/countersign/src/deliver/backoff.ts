/** Backoff of chains that wait after a failure while others continue. */

import { pause, type Waits } from "../timers.js";
import { Failure } from "./failure.js";

interface Rest {
  failures: number;
  failure: Failure;
  /** Earliest time of an automatic retry. */
  until: number;
  /** Earliest time of any retry, as demanded by the log server. */
  notBefore: number;
}

/** Keeps chains from being retried too soon. */
export class ChainBackoff {
  readonly #waits: Waits;
  readonly #chains = new Map<string, Rest>();

  constructor(waits: Waits) {
    this.#waits = waits;
  }

  has(chain: string | undefined): boolean {
    return chain !== undefined && this.#chains.has(chain);
  }

  get size(): number {
    return this.#chains.size;
  }

  /** Makes a chain wait: longer after each failure, and at least as long as the log server demanded. */
  add(chain: string, failure: Failure): void {
    const failures = (this.#chains.get(chain)?.failures ?? 0) + 1;
    const { retryAfter } = failure;
    const wait = pause(this.#waits, failures, retryAfter);
    const now = performance.now();
    const notBefore = retryAfter === undefined ? 0 : now + Math.min(wait, retryAfter);
    this.#chains.set(chain, { failures, failure, until: now + wait, notBefore });
  }

  delete(chain: string): void {
    this.#chains.delete(chain);
  }

  /** Makes the next delivery try all chains. */
  wake(): void {
    for (const rest of this.#chains.values()) {
      rest.until = 0;
      rest.notBefore = 0;
    }
  }

  /** Returns the reason for not trying a chain now. If `isRequested`, only delays demanded by the log server count. */
  hold(chain: string, isRequested: boolean): Failure | undefined {
    const rest = this.#chains.get(chain);
    if (rest === undefined || performance.now() >= (isRequested ? rest.notBefore : rest.until)) {
      return undefined;
    }
    return new Failure("waiting", rest.failure.error);
  }

  /** Milliseconds until the next automatic retry of a chain. */
  get next(): number | undefined {
    const first = Math.min(...Array.from(this.#chains.values(), ({ until }) => until));
    return Number.isFinite(first) ? Math.max(0, first - performance.now()) : undefined;
  }
}
