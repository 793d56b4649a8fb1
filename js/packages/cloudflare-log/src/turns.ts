/**
 * Whose turn it is: an object does one thing at a time. What takes long is done in slices, one after each other's, and
 * submissions go first.
 */

import { inTurn } from "@countersign/shared/promises.js";
import { sleep } from "@countersign/shared/timers.js";

/** For so many milliseconds at most a slice waits for submissions that are under way: one that is sent slowly holds nobody up. */
const PATIENCE = 20;

export class Turns {
  readonly #inTurn = inTurn();
  /** How many submissions are under way. */
  #submissions = 0;

  /** Does what goes before all slices. */
  async first<T>(work: () => Promise<T>): Promise<T> {
    this.#submissions += 1;
    try {
      return await work();
    } finally {
      this.#submissions -= 1;
    }
  }

  /** Waits for a turn, which is for one slice: what is done at once when this comes about. */
  next(): Promise<void> {
    return this.#inTurn(async () => {
      // Whatever came meanwhile is seen to by the event loop first.
      await sleep(0);
      for (const end = Date.now() + PATIENCE; this.#submissions > 0 && Date.now() < end; ) {
        await sleep(1);
      }
    });
  }
}
