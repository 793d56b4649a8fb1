/**
 * Keeps an idle program alive until its events are delivered, and rejects pending calls if it exits without them. A
 * program is idle when it has nothing else to do, but its `beforeExit` listeners may start more work.
 */

import { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import { unref } from "../timers.js";
import type { ErrorReporter } from "./error-reporter.js";
import { ExitPatience } from "./exit-patience.js";
import { countOf, type PendingEvent } from "./handle.js";
import type { Lifecycle } from "./lifecycle.js";
import type { Linker } from "./linker.js";
import { type LostEvents, lostError } from "./lost-events.js";
import type { PendingCalls } from "./pending-calls.js";

/** The parts that a program's exit uses. */
export interface ProgramExitParts {
  readonly linker: Linker;
  readonly outbox: RecorderOutbox;
  readonly losses: LostEvents;
  readonly errors: ErrorReporter;
  readonly calls: PendingCalls;
  readonly lifecycle: Lifecycle;
  /** Delivers all waiting events; undefined without automatic flushes. */
  readonly flush: ((patience: number) => Promise<void>) | undefined;
  /** Returns true while a flush is running. */
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

  /** True if events must be delivered immediately because the program is idle. */
  get isHurried(): boolean {
    return this.#isIdle && !this.#patience.isOver;
  }

  /** Records a successful flush, which shows that the log is reachable. */
  flushed(): void {
    this.#patience.succeeded();
    this.#isEnding = false;
  }

  /**
   * Delivers waiting events because the program is idle. If that keeps failing, pending calls are rejected and the
   * program may exit.
   */
  idle(): void {
    this.#isIdle = true;
    ifProgramContinues(() => {
      this.#isIdle = false;
    });
    const { linker, losses, calls, errors, flush } = this.#parts;
    const isAwaited = calls.areAny || linker.undelivered.some((one) => one.isAwaited);
    const hasUndelivered = linker.hasUndelivered(linker.newest) || losses.unrecorded > 0;
    const patience = this.#patience.next(linker.newest, isAwaited);
    if (!hasUndelivered || patience === 0 || flush === undefined) {
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

  /** Stores events synchronously because the program exits, and reports lost ones. */
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
      errors.report(lostError(lost, outbox.isDurable, this.#advice));
      lifecycle.failed?.();
    }
  }

  /** Handles an event that was recorded while the program exits. */
  recorded(): void {
    if (this.#isExiting) {
      this.exit();
    }
  }

  /** Describes what happens to waiting events, for hints. */
  get fate(): string {
    const { outbox, linker } = this.#parts;
    if (outbox.isDurable && linker.undelivered.every((one) => this.#isSafe(one))) {
      return "no events are lost, because they are in the outbox and will be resent";
    }
    return linker.isClosed || this.#isEnding
      ? "the events are only in memory and are lost if the program exits now"
      : "the events wait in memory and will be resent";
  }

  /** Rejects all pending calls because the program is idle. */
  #giveUp(cause?: CountersignError): void {
    const { linker, errors, calls } = this.#parts;
    const waiting = linker.undelivered;
    const error = (isKept: boolean) => undeliveredError(cause ?? errors.last, isKept);
    for (const one of waiting.filter(({ isAwaited }) => isAwaited)) {
      one.giveUp(error(this.#isSafe(one)));
    }
    calls.rejectAll(error(waiting.every((one) => this.#isSafe(one))));
  }

  /** True if the event survives the program's exit. */
  #isSafe({ isKept }: PendingEvent): boolean {
    return this.#parts.outbox.isDurable && isKept;
  }

  /** Returns the hint for avoiding lost events. */
  get #advice(): string {
    const { outbox, linker, isFlushing } = this.#parts;
    const closing = isFlushing()
      ? "await close() in the code that ends the program"
      : "retry close() for longer with close({ retryForMs: 10_000 })";
    const advice = linker.isClosed ? closing : "await close() before the program exits";
    return `${advice}, ${outbox.isDurable ? "or await stored() for each event" : "or add an outbox to the recorder"}`;
  }
}

/** Returns the error for callers that wait for events which an idle program could not deliver. */
function undeliveredError(cause: CountersignError | undefined, isKept: boolean): CountersignError {
  const why = cause === undefined ? "" : `: ${cause.message}`;
  if (!isKept) {
    return new CountersignError("recorder.lost", `the program exits before all events were delivered${why}`, {
      hint: "add an outbox to the recorder, or retry for longer with flush({ retryForMs: 60_000 })",
      cause,
    });
  }
  const hint = "open the outbox again to deliver the events, which are in it";
  return new CountersignError(
    cause?.code ?? "recorder.out_of_turn",
    cause === undefined ? "the program exits without flushing the recorder" : cause.message,
    { hint, cause },
  );
}

/** Calls `reset` if the program continues after all. */
function ifProgramContinues(reset: () => void): void {
  unref(setTimeout(reset, 0));
}
