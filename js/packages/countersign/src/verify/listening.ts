/** Passes on to the caller what an engine tells, as often and as fast as the caller likes. */

import type { Finding, Phrases } from "../report.js";
import { EventBatch } from "./batch.js";
import { readMarks } from "./marks.js";
import type { LiveOptions, VerifyOptions } from "./options.js";
import { type Counted, type Listener, never, type Outcome, type Shown } from "./roles.js";

/** The shortest time between two calls of `onProgress`, in milliseconds. */
const PROGRESS_EVERY = 100;

/** The caller's functions. */
type Callbacks = Pick<VerifyOptions, "onProgress" | "onEvents" | "onMarks" | "onFinding"> &
  Partial<Pick<LiveOptions, "onReport">>;

/** Calls the caller's functions; what they throw ends it all. */
export class Listening implements Listener {
  readonly fail: (reason: unknown) => void;
  #callbacks: Callbacks;
  #total: number | undefined;
  #bytes = 0;
  #progressTold = Number.NEGATIVE_INFINITY;
  #shown = Promise.resolve();
  /** The report that is to be told when what came before it is dealt with. */
  #report: Outcome | undefined;
  #stopped = false;

  constructor(callbacks: Callbacks, total: number | undefined, fail: (reason: unknown) => void) {
    this.#callbacks = callbacks;
    this.#total = total;
    this.fail = fail;
  }

  taken(bytes: number, counts: Counted): void {
    this.#bytes += bytes;
    const now = performance.now();
    if (now - this.#progressTold >= PROGRESS_EVERY) {
      this.#progressTold = now;
      this.#tell(counts);
    }
  }

  show(what: Shown, bytes: Uint8Array): Promise<void> {
    this.#shown = this.#shown.then(() => this.#showNow(what, bytes));
    return this.#shown;
  }

  found(findings: readonly Finding[], phrases: Phrases): void {
    for (const finding of findings) {
      this.#call(() => this.#callbacks.onFinding?.(finding, phrases));
    }
  }

  report(outcome: Outcome): void {
    const isNext = this.#report !== undefined;
    this.#report = outcome;
    if (!isNext) {
      this.#shown = this.#shown.then(() => this.#reportNow());
    }
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

  async #showNow(what: Shown, bytes: Uint8Array): Promise<void> {
    if (this.#stopped) {
      return never();
    }
    try {
      if (what === "events") {
        await this.#callbacks.onEvents?.(new EventBatch(bytes));
      } else {
        await this.#callbacks.onMarks?.(readMarks(bytes));
      }
    } catch (error) {
      this.fail(error);
      return never();
    }
  }

  #reportNow(): void {
    const report = this.#report;
    this.#report = undefined;
    if (report !== undefined) {
      this.#call(() => this.#callbacks.onReport?.(report));
    }
  }

  #tell({ lines, events }: Counted): void {
    this.#call(() => this.#callbacks.onProgress?.({ bytes: this.#bytes, total: this.#total, lines, events }));
  }

  #call(tell: () => void): void {
    if (this.#stopped) {
      return;
    }
    try {
      tell();
    } catch (error) {
      this.fail(error);
    }
  }
}
