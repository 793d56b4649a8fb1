/** Schedules work on a log's single thread. Long work is done in slices that take turns, and submissions go first. */

import { inTurn } from "@countersign/shared/promises.js";
import { sleep } from "@countersign/shared/timers.js";

/** Maximum milliseconds that a slice waits for running submissions, so that slow ones block nothing. */
const MAX_WAIT_MS = 20;

export class Turns {
  readonly #inTurn = inTurn();
  /** Number of running submissions. */
  #submissions = 0;

  /** Runs work that goes before all slices. */
  async first<T>(work: () => Promise<T>): Promise<T> {
    this.#submissions += 1;
    try {
      return await work();
    } finally {
      this.#submissions -= 1;
    }
  }

  /** Waits for a turn. It covers the synchronous work done right after this resolves. */
  next(): Promise<void> {
    return this.#inTurn(async () => {
      // Lets the event loop handle pending events first.
      await sleep(0);
      for (const end = Date.now() + MAX_WAIT_MS; this.#submissions > 0 && Date.now() < end; ) {
        await sleep(1);
      }
    });
  }
}
