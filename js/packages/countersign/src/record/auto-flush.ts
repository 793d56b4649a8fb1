/** Begins flushes by itself, if the recorder was not told to leave that to its owner (`autoFlush: false`). */

import type { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import { unref } from "../timers.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { FlushScheduler } from "./flush-scheduler.js";
import type { Hold } from "./lifecycle.js";
import { type Linker, ORPHANS_PERIOD_MS } from "./linker.js";
import type { Settings } from "./options.js";
import type { ProgramExit } from "./program-exit.js";

/** What automatic flushes need. */
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
  /** True if someone asked for a delivery that the flush under way may not include. */
  #isHastened = false;
  readonly #watch: ReturnType<typeof setInterval> | undefined;

  constructor(parts: AutoFlushParts) {
    this.#parts = parts;
    if (this.#watchesOrphans) {
      this.#watch = setInterval(() => this.adopt(), ORPHANS_PERIOD_MS);
      unref(this.#watch);
    }
  }

  /** Flushes soon, or at once if much waits or the program is idle. */
  soon(isHastened = false): void {
    const { settings, hold, linker, scheduler, programExit } = this.#parts;
    const { autoFlush } = settings;
    if (autoFlush === undefined || (scheduler.isRunning && hold === undefined)) {
      return;
    }
    if (isHastened || programExit.isHurried) {
      scheduler.soon(0, true);
      return;
    }
    scheduler.soon(linker.hasMuch(autoFlush.maxEvents, autoFlush.maxBytes) ? 0 : autoFlush.maxDelayMs);
  }

  /** Flushes at once, because someone waits for an event's delivery. */
  hasten(): void {
    const { settings, scheduler } = this.#parts;
    if (settings.autoFlush !== undefined) {
      this.#isHastened = scheduler.isRunning;
      scheduler.soon(0, true);
    }
  }

  /** Flushes what was recorded while a flush was under way, which has ended. */
  flushEnded(): void {
    const { hold, linker } = this.#parts;
    const isHastened = this.#isHastened;
    this.#isHastened = false;
    if (hold === undefined && linker.owesNow(linker.newest)) {
      this.soon(isHastened);
    }
  }

  /** Takes over what recorders left that have ended, and flushes it: perhaps no one records here. */
  adopt(): void {
    const { linker, errors } = this.#parts;
    if (!this.#watchesOrphans) {
      return;
    }
    const soon = () => {
      if (linker.owes(linker.newest)) {
        this.soon();
      }
    };
    linker.adopt(0).then(soon, (error: CountersignError) => errors.failed(error));
  }

  /** Begins nothing by itself any more. */
  end(): void {
    this.#parts.scheduler.end();
    clearInterval(this.#watch);
  }

  get #watchesOrphans(): boolean {
    const { outbox, settings } = this.#parts;
    return outbox.hasOrphans && settings.autoFlush !== undefined && !settings.manyContexts;
  }
}
