/** Passes on to the caller what an engine tells, as often and as fast as the caller likes. */

import { EventBatch } from "./batch.js";
import { type Listener, never } from "./engine.js";
import type { VerifyOptions } from "./options.js";
import type { Counted, Outcome } from "./protocol.js";

/** The shortest time between two calls of `onProgress`, in milliseconds. */
const PROGRESS_EVERY = 100;

/** Calls the caller's functions; what they throw ends it all. */
export class Listening implements Listener {
  readonly fail: (reason: unknown) => void;
  #onProgress: VerifyOptions["onProgress"];
  #onEvents: VerifyOptions["onEvents"];
  #total: number | undefined;
  #bytes = 0;
  #told = Number.NEGATIVE_INFINITY;
  #shown = Promise.resolve();
  #stopped = false;

  constructor(
    onProgress: VerifyOptions["onProgress"],
    onEvents: VerifyOptions["onEvents"],
    total: number | undefined,
    fail: (reason: unknown) => void,
  ) {
    this.#onProgress = onProgress;
    this.#onEvents = onEvents;
    this.#total = total;
    this.fail = fail;
  }

  taken(bytes: number, counts: Counted): void {
    this.#bytes += bytes;
    const now = performance.now();
    if (now - this.#told >= PROGRESS_EVERY) {
      this.#told = now;
      this.#tell(counts);
    }
  }

  show(events: Uint8Array): Promise<void> {
    this.#shown = this.#shown.then(() => this.#showNow(events));
    return this.#shown;
  }

  /** All was verified: tells the last of it. */
  async end({ report }: Outcome): Promise<void> {
    await this.#shown;
    this.#tell(report.counts);
  }

  /** Nothing is passed on from now. */
  stop(): void {
    this.#stopped = true;
  }

  async #showNow(events: Uint8Array): Promise<void> {
    if (this.#stopped) {
      return never();
    }
    try {
      await this.#onEvents?.(new EventBatch(events));
    } catch (error) {
      this.fail(error);
      return never();
    }
  }

  #tell({ lines, events }: Counted): void {
    if (this.#stopped) {
      return;
    }
    try {
      this.#onProgress?.({ bytes: this.#bytes, total: this.#total, lines, events });
    } catch (error) {
      this.fail(error);
    }
  }
}
