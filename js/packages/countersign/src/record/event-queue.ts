/** Accepts events into the current chain: validates and redacts them, and drops events when the recorder is full. */

import { requestScope } from "../context/request.js";
import { CountersignError } from "../error.js";
import { EVENT_ID, identityOf } from "../outbox/event-ids.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import type { AutoFlush } from "./auto-flush.js";
import { LINK } from "./chain.js";
import type { Clock } from "./clock.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { AuditEvent } from "./event.js";
import { droppedHandle, type Handle, invalidHandle, repeatedHandle, unstoredHandle } from "./handle.js";
import { type EventProblem, Intake, textOf } from "./intake.js";
import type { Linker } from "./linker.js";
import { type Dropped, invalidEvent, type LossReason, type LostEvents } from "./lost-events.js";
import type { Settings } from "./options.js";
import type { ProgramExit } from "./program-exit.js";
import { completedText } from "./scope.js";
import { invalid } from "./serialize.js";

/** The path of an event's `id` in its recorded form. */
const ID_PATH = `metadata.${EVENT_ID}`;

export interface EventQueueParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly linker: Linker;
  readonly losses: LostEvents;
  readonly errors: ErrorReporter;
  readonly autoFlush: AutoFlush;
  readonly programExit: ProgramExit;
  readonly outbox: RecorderOutbox;
  /** Delivers all events recorded before. */
  readonly flush: () => Promise<void>;
}

export class EventQueue {
  readonly #parts: EventQueueParts;
  readonly #intake: Intake;
  /** True while accepting events that were already counted against the limit before the start. */
  #isCatchingUp = false;
  #redacted = 0;
  #repeated = 0;

  constructor(parts: EventQueueParts) {
    this.#parts = parts;
    this.#intake = new Intake(parts.settings);
  }

  /** Number of values, or parts of strings, that were redacted. */
  get redacted(): number {
    return this.#redacted;
  }

  /** Number of events that were not recorded again, because one with their `id` was recorded before. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Records an event, with the problems found when it was first read. */
  record(event: AuditEvent, problems: readonly EventProblem[]): Handle {
    return this.#reporting(() => this.#intake.record(event, (json) => this.#enqueue(json, true), problems));
  }

  /** Records text that `Intake` made of an event, with the event's problems. */
  recordText(json: string, problems: readonly EventProblem[]): Handle {
    return this.#reporting(() => this.#intake.recordText(json, problems, (text) => this.#enqueue(text, true)));
  }

  /** Records a JSON object given as text. */
  recordJson(json: string | Uint8Array): Handle {
    return this.#reporting(() => {
      const text = textOf(completedText(json, requestScope()));
      this.#parts.settings.events?.checkJson(text);
      return this.#enqueue(text, false);
    });
  }

  /** Runs `work`, whose events were already counted against the limit, without applying the limit again. */
  catchUp(work: () => void): void {
    this.#isCatchingUp = true;
    try {
      work();
    } finally {
      this.#isCatchingUp = false;
    }
  }

  /** Counts dropped events; `countersign.dropped` will record the count. */
  drop(dropped: Dropped, reason: LossReason): void {
    this.#parts.losses.drop(dropped, reason);
    this.#parts.autoFlush.soon();
  }

  /** Records that an invalid event was passed to `record`. */
  recordInvalid(error: CountersignError): void {
    this.#parts.losses.lost++;
    this.#enqueue(invalidEvent(error), true);
  }

  /** With `onInvalid: "report"`, reports an invalid event and records `countersign.dropped` for it. */
  #reporting(record: () => Handle): Handle {
    try {
      return record();
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

  #enqueue(json: string, typed: boolean): Handle {
    const { settings, linker, outbox, autoFlush, programExit, flush } = this.#parts;
    linker.refuseClosed();
    const key = this.#keyOf(json, typed);
    const known = key === undefined ? undefined : outbox.known(key);
    if (known !== undefined) {
      this.#repeated++;
      const { pending } = known;
      if (pending === undefined) {
        return repeatedHandle(() => known.place, flush);
      }
      if (pending.isUnstored) {
        linker.keepAgainSoon();
      }
      return this.#handleOf(pending.again());
    }
    // A lower bound of the UTF-8 size, which is only known once the event is in the chain.
    if (!this.#isCatchingUp && linker.heldBytes + json.length + LINK > settings.maxWaitingBytes) {
      return this.#full();
    }
    const pending = linker.record(json, typed);
    this.#redacted += pending.redacted;
    if (key !== undefined) {
      outbox.remember(key, pending);
    }
    autoFlush.soon();
    programExit.recorded();
    return this.#handleOf(pending);
  }

  /** Returns the handle for callers, who must not learn from `stored()` that an event in memory survives a kill. */
  #handleOf(handle: Handle): Handle {
    const { outboxError } = this.#parts.settings;
    return outboxError === undefined ? handle : unstoredHandle(handle, outboxError);
  }

  /**
   * Returns the key by which an event with an `id` is recognized. A redacted one would not be recognized in the outbox or
   * the log: it is rejected if the event is `typed`, and otherwise the event has no key.
   */
  #keyOf(json: string, typed: boolean): string | undefined {
    const { linker, outbox } = this.#parts;
    const key = outbox.keyOf(json);
    if (key === undefined || outbox.known(key) !== undefined || !linker.redacts(identityOf(key))) {
      return key;
    }
    if (typed) {
      const hint = 'use an identifier without secrets, or exempt it with `redact: { keep: ["event_id"] }`';
      throw invalid("the event's `id` or `action` is redacted, so it can't identify the event", hint, ID_PATH);
    }
    return undefined;
  }

  #full(): Handle {
    const { settings, clock, losses, programExit } = this.#parts;
    if (!settings.drops) {
      throw new CountersignError("recorder.full", "the recorder is full: maxWaitingBytes is reached", {
        hint: "flush more often, check why flushes fail, or raise maxWaitingBytes",
      });
    }
    const now = clock.now();
    losses.drop({ count: 1, since: now, until: now });
    programExit.recorded();
    return droppedHandle();
  }
}
