/**
 * Keeps a program alive until its events are delivered, and tells whoever waits when it ends without them. A program
 * that has nothing else to do is idle: what its `beforeExit` listeners begin may still give it more to do.
 */

import { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import { unref } from "../timers.js";
import type { ErrorReporter } from "./error-reporter.js";
import { ExitPatience } from "./exit-patience.js";
import { countOf, type Taken } from "./handle.js";
import type { Lifecycle } from "./lifecycle.js";
import type { Linker } from "./linker.js";
import { type LostEvents, lostError } from "./lost-events.js";
import type { PendingCalls } from "./pending-calls.js";

/** The parts of a program's exit. */
export interface ProgramExitParts {
  readonly linker: Linker;
  readonly outbox: RecorderOutbox;
  readonly losses: LostEvents;
  readonly errors: ErrorReporter;
  readonly calls: PendingCalls;
  readonly lifecycle: Lifecycle;
  /** Delivers all that waits; undefined if nothing is delivered by itself. */
  readonly flush: ((patience: number) => Promise<void>) | undefined;
  /** Returns true while a flush is under way. */
  readonly isFlushing: () => boolean;
}

export class ProgramExit {
  readonly #parts: ProgramExitParts;
  readonly #patience = new ExitPatience();
  #isIdle = false;
  /** True while events are delivered because the program is idle, and after that failed. */
  #isEnding = false;
  #isExiting = false;

  constructor(parts: ProgramExitParts) {
    this.#parts = parts;
  }

  /** True if events are to be delivered at once, because the program is idle. */
  get isHurried(): boolean {
    return this.#isIdle && !this.#patience.isOver;
  }

  /** Counts a flush that ended well: the log can be reached. */
  flushed(): void {
    this.#patience.succeeded();
    this.#isEnding = false;
  }

  /**
   * The program is idle: delivers what waits. If that fails for long enough, whoever waits for an event is told, and the
   * program may end.
   */
  idle(): void {
    this.#isIdle = true;
    ifProgramContinues(() => {
      this.#isIdle = false;
    });
    const { linker, losses, calls, errors, flush } = this.#parts;
    const isAwaited = calls.areAny || linker.undelivered.some((one) => one.isAwaited);
    const owes = linker.owes(linker.newest) || losses.unrecorded > 0;
    const patience = this.#patience.next(linker.newest, isAwaited);
    if (!owes || patience === 0 || flush === undefined) {
      this.#giveUp();
      return;
    }
    const began = performance.now();
    this.#isEnding = true;
    flush(patience).catch((error: CountersignError) => {
      this.#patience.failed(performance.now() - began);
      errors.report(error);
      this.#giveUp(error);
    });
  }

  /** The program ends: keeps what can be kept without waiting for anything, and reports what is lost. */
  exit(): void {
    this.#isExiting = true;
    ifProgramContinues(() => {
      this.#isExiting = false;
    });
    const { linker, outbox, losses, errors, lifecycle } = this.#parts;
    if (outbox.isDurable && outbox.writesNow) {
      try {
        linker.keepNow();
      } catch (error) {
        errors.report(error as CountersignError);
      }
    }
    const lost = countOf(linker.undelivered.filter((one) => !this.#isSafe(one))) + losses.unrecorded;
    if (lost > 0) {
      errors.report(lostError(lost, outbox.isDurable, this.#todo));
      lifecycle.failed?.();
    }
  }

  /** Does the same for an event that is recorded while the program ends. */
  recorded(): void {
    if (this.#isExiting) {
      this.exit();
    }
  }

  /** Says what becomes of the events that wait, for hints. */
  get fate(): string {
    const { outbox, linker } = this.#parts;
    if (outbox.isDurable && linker.undelivered.every((one) => this.#isSafe(one))) {
      return "nothing is lost: the events are in the outbox, and are sent again";
    }
    return linker.isClosed || this.#isEnding
      ? "the events are only in memory: they are lost if the program ends now"
      : "the events wait in memory, and are sent again";
  }

  /** Rejects whatever somebody waits for: the program is idle. */
  #giveUp(cause?: CountersignError): void {
    const { linker, errors, calls } = this.#parts;
    const waiting = linker.undelivered;
    const error = (isKept: boolean) => unsent(cause ?? errors.last, isKept);
    for (const one of waiting.filter(({ isAwaited }) => isAwaited)) {
      one.giveUp(error(this.#isSafe(one)));
    }
    calls.rejectAll(error(waiting.every((one) => this.#isSafe(one))));
  }

  /** True if an event is kept when the program ends. */
  #isSafe({ isKept }: Taken): boolean {
    return this.#parts.outbox.isDurable && isKept;
  }

  /** Says what to do so that no event is lost when the program ends. */
  get #todo(): string {
    const { outbox, linker, isFlushing } = this.#parts;
    const closing = isFlushing()
      ? "what ended the program did not wait for close(): await it there"
      : "close() failed: go on with close({ retryForMs: 10_000 })";
    const todo = linker.isClosed ? closing : "await close() before the program ends";
    return `${todo}, ${outbox.isDurable ? "or await stored() of each event" : "or give the recorder an outbox"}`;
  }
}

/** Returns why events were not delivered, for whoever waits for them when the program is idle. */
function unsent(cause: CountersignError | undefined, isKept: boolean): CountersignError {
  const why = cause === undefined ? "" : `: ${cause.message}`;
  if (!isKept) {
    return new CountersignError("recorder.lost", `the program ends, and not all events were delivered${why}`, {
      hint: "give the recorder an outbox, or wait longer with flush({ retryForMs: 60_000 })",
      cause,
    });
  }
  const hint = "the events are in the outbox, and are delivered when it is opened again";
  return new CountersignError(
    cause?.code ?? "recorder.out_of_turn",
    cause === undefined ? "the program ends, and no flush was asked for" : cause.message,
    { hint, cause },
  );
}

/** Runs `reset` if the program goes on after it seemed to end. */
function ifProgramContinues(reset: () => void): void {
  unref(setTimeout(reset, 0));
}
