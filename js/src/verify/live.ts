/** What goes with verifying an export that goes on: no waiting for more, and reports along the way. */

import type { Verifier } from "../wasm/verifier.js";
import type { Outcome, Task } from "./roles.js";

/** How long there is between two reports, in milliseconds. */
const EVERY = 250;

/** Who is told of reports. */
interface ReportListener {
  tell(outcome: Outcome): void;
  /** Whether all that came before was handed out. Whoever says no looks again later. */
  isReady(): boolean;
  fail(error: unknown): void;
}

/** Has the core verify what there is, and tells its reports, no more often than someone can look at them. */
export class Live {
  #verifier: Verifier;
  #measuresNow: boolean;
  #to: ReportListener;
  #told = Number.NEGATIVE_INFINITY;
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor({ measuresNow }: Task, verifier: Verifier, to: ReportListener) {
    this.#verifier = verifier;
    this.#measuresNow = measuresNow;
    this.#to = to;
  }

  /** Verifies the whole lines that there are. */
  settle(): void {
    this.#verifier.settle(this.#measuresNow ? new Date().toISOString() : undefined);
  }

  /** There may be a report: it is told now, or when the time has come. */
  look(): void {
    const wait = this.#told + EVERY - performance.now();
    if (wait <= 0) {
      this.#look();
    } else {
      this.#later ??= setTimeout(() => {
        this.#later = undefined;
        try {
          this.#look();
        } catch (error) {
          this.#to.fail(error);
        }
      }, wait);
    }
  }

  /** None are told any more. */
  stop(): void {
    clearTimeout(this.#later);
  }

  #look(): void {
    if (!this.#to.isReady()) {
      return;
    }
    const outcome = this.#verifier.takeReport() as Outcome | undefined;
    if (outcome !== undefined) {
      this.#told = performance.now();
      this.#to.tell(outcome);
    }
  }
}
