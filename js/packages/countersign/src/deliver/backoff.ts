/** Chains that wait after a failure of their own, while others go on. */

import { pause, type Waits } from "../timers.js";
import { Failure } from "./failure.js";

interface Rest {
  failures: number;
  failure: Failure;
  /** Until when it is not tried by itself. */
  until: number;
  /** Until when it is not tried at all, as the log server asked. */
  notBefore: number;
}

/** Keeps a chain from being tried again too soon. */
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

  /** Has a chain wait: longer each time, and as long as the log server asked for. */
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

  /** Has all be tried with the next delivery. */
  wake(): void {
    for (const rest of this.#chains.values()) {
      rest.until = 0;
      rest.notBefore = 0;
    }
  }

  /** Why a chain is not to be tried now; `asked` where somebody wants it tried as soon as it may be. */
  hold(chain: string, asked: boolean): Failure | undefined {
    const rest = this.#chains.get(chain);
    if (rest === undefined || performance.now() >= (asked ? rest.notBefore : rest.until)) {
      return undefined;
    }
    return new Failure("waiting", rest.failure.error);
  }

  /** Milliseconds until the next of them is tried by itself. */
  get next(): number | undefined {
    const first = Math.min(...Array.from(this.#chains.values(), ({ until }) => until));
    return Number.isFinite(first) ? Math.max(0, first - performance.now()) : undefined;
  }
}
