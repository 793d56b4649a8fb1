/** Passes an engine's results to the caller's callbacks, at the pace and frequency that the caller can handle. */

import type { Finding, Phrases } from "../report.js";
import { EventBatch } from "./batch.js";
import { readMarks } from "./marks.js";
import type { LiveOptions, ReadingOptions } from "./options.js";
import { type BatchKind, type LineCounts, type Listener, never, type Outcome } from "./roles.js";

/** Minimum milliseconds between two calls of `onProgress`. */
const MIN_PROGRESS_INTERVAL_MS = 100;

/** The caller's callbacks. */
type Callbacks = Pick<ReadingOptions, "onProgress" | "onEvents" | "onMarks" | "onFinding" | "onArchive"> &
  Partial<Pick<LiveOptions, "onReport">>;

/** Calls the caller's callbacks. An error in one ends the verification. */
export class CallbackListener implements Listener {
  readonly fail: (reason: unknown) => void;
  #callbacks: Callbacks;
  #total: number | undefined;
  #bytes = 0;
  #progressAt = Number.NEGATIVE_INFINITY;
  #shown = Promise.resolve();
  /** The report to pass on once earlier results are processed. */
  #report: Outcome | undefined;
  #stopped = false;

  constructor(callbacks: Callbacks, total: number | undefined, fail: (reason: unknown) => void) {
    this.#callbacks = callbacks;
    this.#total = total;
    this.fail = fail;
  }

  taken(bytes: number, counts: LineCounts): void {
    this.#bytes += bytes;
    const now = performance.now();
    if (now - this.#progressAt >= MIN_PROGRESS_INTERVAL_MS) {
      this.#progressAt = now;
      this.#progress(counts);
    }
  }

  show(what: BatchKind, bytes: Uint8Array): Promise<void> {
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

  archived(archive: Blob): void {
    this.#call(() => this.#callbacks.onArchive?.(archive));
  }

  /** Passes on the remaining results after everything was verified. */
  async end({ report }: Outcome): Promise<void> {
    await this.#shown;
    this.#progress(report.counts);
  }

  /** Stops passing on results. */
  stop(): void {
    this.#stopped = true;
  }

  async #showNow(what: BatchKind, bytes: Uint8Array): Promise<void> {
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

  #progress({ lines, events }: LineCounts): void {
    this.#call(() => this.#callbacks.onProgress?.({ bytes: this.#bytes, total: this.#total, lines, events }));
  }

  #call(callback: () => void): void {
    if (this.#stopped) {
      return;
    }
    try {
      callback();
    } catch (error) {
      this.fail(error);
    }
  }
}
