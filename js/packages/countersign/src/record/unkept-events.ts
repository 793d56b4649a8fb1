/** Events that the outbox does not contain yet. Events recorded in the same moment are written together. */

import type { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import type { Chain } from "./chain.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { PendingEvent } from "./handle.js";

export class UnkeptEvents {
  readonly #outbox: RecorderOutbox;
  readonly #errors: ErrorReporter;
  /** All of them belong to one chain, because they are written before another one starts. */
  #events: PendingEvent[] = [];

  constructor(outbox: RecorderOutbox, errors: ErrorReporter) {
    this.#outbox = outbox;
    this.#errors = errors;
  }

  get areAny(): boolean {
    return this.#events.length > 0;
  }

  /** Adds an event. `write` is called a moment later, once for all events of that moment. */
  add(event: PendingEvent, write: () => void): void {
    if (this.#events.push(event) === 1) {
      queueMicrotask(write);
    }
  }

  /** Starts writing the events, with the lines that their chain holds. */
  write(chain: Chain): void {
    if (!this.areAny) {
      return;
    }
    const events = this.#events;
    this.#write(this.clear(chain), events);
  }

  /** Starts writing events again that the outbox could not store. */
  writeAgain(queued: readonly { readonly line: string; readonly pending: PendingEvent }[]): void {
    // An event with an ID is being written.
    const events = queued.filter(({ pending }) => pending.isUnstored && pending.id === undefined);
    if (events.length > 0) {
      this.#write(
        events.map(({ line }) => line),
        events.map(({ pending }) => pending),
      );
    }
  }

  #write(lines: readonly string[], events: readonly PendingEvent[]): void {
    this.#outbox.keepEvents(lines, events).then(
      () => keep(events),
      (error: CountersignError) => {
        keep(events, error);
        this.#errors.failed(error);
      },
    );
  }

  /** Clears the list because the events are written in another way. Returns their lines. */
  clear(chain: Chain): string[] {
    this.#events = [];
    return chain.unstored();
  }
}

function keep(events: readonly PendingEvent[], error?: CountersignError): void {
  for (const event of events) {
    event.keep(error);
  }
}
