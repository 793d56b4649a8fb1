/** Starts flushes automatically, unless `autoFlush` is false. */

import type { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import { unref } from "../timers.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { FlushScheduler } from "./flush-scheduler.js";
import type { Hold } from "./lifecycle.js";
import { type Linker, ORPHANS_PERIOD_MS } from "./linker.js";
import type { Settings } from "./options.js";
import type { ProgramExit } from "./program-exit.js";

/** The parts that automatic flushes use. */
export interface AutoFlushParts {
  readonly settings: Pick<Settings, "autoFlush" | "manyContexts">;
  readonly hold: Hold | undefined;
  readonly outbox: RecorderOutbox;
  readonly linker: Linker;
  readonly scheduler: FlushScheduler;
  readonly programExit: ProgramExit;
  readonly errors: ErrorReporter;
}

export class AutoFlush {
  readonly #parts: AutoFlushParts;
  /** True if a caller awaits an event that the running flush may not include. */
  #isRequested = false;
  readonly #watch: ReturnType<typeof setInterval> | undefined;

  constructor(parts: AutoFlushParts) {
    this.#parts = parts;
    if (this.#watchesOrphans) {
      this.#watch = setInterval(() => this.adopt(), ORPHANS_PERIOD_MS);
      unref(this.#watch);
    }
  }

  /** Schedules a flush: immediately if much is waiting or the program is idle. */
  soon(isRequested = false): void {
    const { settings, hold, linker, scheduler, programExit } = this.#parts;
    const { autoFlush } = settings;
    if (autoFlush === undefined || (scheduler.isRunning && hold === undefined)) {
      return;
    }
    if (isRequested || programExit.isHurried) {
      scheduler.soon(0, true);
      return;
    }
    scheduler.soon(linker.hasMuch(autoFlush.maxEvents, autoFlush.maxBytes) ? 0 : autoFlush.maxDelayMs);
  }

  /** Flushes immediately because a caller awaits an event's delivery. */
  deliverSoon(): void {
    const { settings, scheduler } = this.#parts;
    if (settings.autoFlush !== undefined) {
      this.#isRequested = scheduler.isRunning;
      scheduler.soon(0, true);
    }
  }

  /** Flushes events recorded during the flush that just ended. */
  flushEnded(): void {
    const { hold, linker } = this.#parts;
    const isRequested = this.#isRequested;
    this.#isRequested = false;
    if (hold === undefined && linker.hasDeliverable(linker.newest)) {
      this.soon(isRequested);
    }
  }

  /** Takes over and flushes entries that ended recorders left in the outbox, even if nothing is recorded here. */
  adopt(): void {
    const { linker, errors } = this.#parts;
    if (!this.#watchesOrphans) {
      return;
    }
    const soon = () => {
      if (linker.hasUndelivered(linker.newest)) {
        this.soon();
      }
    };
    linker.adopt(0).then(soon, (error: CountersignError) => errors.failed(error));
  }

  /** Stops automatic flushes. */
  end(): void {
    this.#parts.scheduler.end();
    clearInterval(this.#watch);
  }

  get #watchesOrphans(): boolean {
    const { outbox, settings } = this.#parts;
    return outbox.hasOrphans && settings.autoFlush !== undefined && !settings.manyContexts;
  }
}
