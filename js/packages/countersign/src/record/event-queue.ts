/** Takes events into the chain in use: checks and redacts them, and drops those for which there is no room. */

import { requestSaid } from "../context/request.js";
import { CountersignError } from "../error.js";
import type { AutoFlush } from "./auto-flush.js";
import { LINK } from "./chain.js";
import type { Clock } from "./clock.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { AuditEvent } from "./event.js";
import { droppedHandle, type Handle, invalidHandle } from "./handle.js";
import { type EventProblem, Intake, textOf } from "./intake.js";
import type { Linker } from "./linker.js";
import { type Dropped, invalidEvent, type LossReason, type LostEvents } from "./lost-events.js";
import type { Settings } from "./options.js";
import type { ProgramExit } from "./program-exit.js";
import { completedText } from "./scope.js";

/** The parts of an event queue. */
export interface EventQueueParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly linker: Linker;
  readonly losses: LostEvents;
  readonly errors: ErrorReporter;
  readonly autoFlush: AutoFlush;
  readonly programExit: ProgramExit;
}

export class EventQueue {
  readonly #parts: EventQueueParts;
  readonly #intake: Intake;
  /** True while it takes events for which the recorder found room before it had started. */
  #isCatchingUp = false;
  #redacted = 0;

  constructor(parts: EventQueueParts) {
    this.#parts = parts;
    this.#intake = new Intake(parts.settings);
  }

  /** How many values, or parts of strings, were redacted. */
  get redacted(): number {
    return this.#redacted;
  }

  /** Records an event, with what was wrong with it when it was read before. */
  record(event: AuditEvent, problems: readonly EventProblem[]): Handle {
    return this.#reporting(() => this.#intake.record(event, (json) => this.#take(json, true), problems));
  }

  /** Records the text that `Intake` made of an event, with what was wrong with the event. */
  recordText(json: string, problems: readonly EventProblem[]): Handle {
    return this.#reporting(() => this.#intake.recordText(json, problems, (text) => this.#take(text, true)));
  }

  /** Records any JSON object as text. */
  recordJson(json: string | Uint8Array): Handle {
    return this.#reporting(() => {
      const text = textOf(completedText(json, requestSaid()));
      this.#parts.settings.events?.checkJson(text);
      return this.#take(text, false);
    });
  }

  /** Records events during `work` without a limit: their room was found before. */
  catchUp(work: () => void): void {
    this.#isCatchingUp = true;
    try {
      work();
    } finally {
      this.#isCatchingUp = false;
    }
  }

  /** Counts events that were dropped, and has that recorded. */
  drop(dropped: Dropped, reason: LossReason): void {
    this.#parts.losses.drop(dropped, reason);
    this.#parts.autoFlush.soon();
  }

  /** Records that there was an event which was not valid. */
  recordInvalid(error: CountersignError): void {
    this.#parts.losses.lost++;
    this.#take(invalidEvent(error), true);
  }

  /** Reports an invalid event and records that there was one, if `onInvalid` says so. */
  #reporting(take: () => Handle): Handle {
    try {
      return take();
    } catch (cause) {
      const { settings, errors } = this.#parts;
      if (!settings.reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      errors.report(cause);
      this.recordInvalid(cause);
      return invalidHandle(cause);
    }
  }

  #take(json: string, typed: boolean): Handle {
    const { settings, linker, autoFlush, programExit } = this.#parts;
    linker.refuseClosed();
    // Its UTF-8 is no shorter than this; how long it is is known when it is in the chain.
    if (!this.#isCatchingUp && linker.heldBytes + json.length + LINK > settings.maxWaitingBytes) {
      return this.#full();
    }
    const taken = linker.record(json, typed);
    this.#redacted += taken.redacted;
    autoFlush.soon();
    programExit.recorded();
    return taken;
  }

  #full(): Handle {
    const { settings, clock, losses, programExit } = this.#parts;
    if (!settings.drops) {
      throw new CountersignError("recorder.full", "too much waits to be handed on", {
        hint: "flush more often, find out why flushes fail, or raise maxWaitingBytes",
      });
    }
    const now = clock.now();
    losses.drop({ count: 1, since: now, until: now });
    programExit.recorded();
    return droppedHandle();
  }
}
