/** Events that are recorded before there is a recorder. */

import { CountersignError } from "../error.js";
import type { Deferred } from "../promises.js";
import { type Handle, unheard } from "../record/handle.js";
import type { Dropped } from "../record/lost-events.js";
import { PendingCalls } from "../record/pending-calls.js";
import type { Recorder } from "../record/recorder.js";

/** As many events, and as much text of them, as wait for a recorder. */
const EVENTS = 1024;
const BYTES = 1 << 20;

/** An event, with the moment at which it was recorded. */
interface EarlyEvent {
  /** What it is recorded with. */
  readonly record: (recorder: Recorder) => Handle;
  readonly time: number;
  readonly handle: Deferred<Handle>;
}

/** Keeps events in order until there is a recorder for them, which then checks them. */
export class Early {
  #events: EarlyEvent[] = [];
  bytes: number = 0;
  #dropped: Dropped | undefined;
  readonly #calls = new PendingCalls();

  get length(): number {
    return this.#events.length;
  }

  get dropped(): number {
    return this.#dropped?.count ?? 0;
  }

  /** Takes an event of so many bytes; gives nothing where there is no more room, which is counted. */
  add(bytes: number, time: number, record: (recorder: Recorder) => Handle): Handle | undefined {
    if (this.#events.length >= EVENTS || this.bytes + bytes > BYTES) {
      this.#dropped = { count: this.dropped + 1, since: this.#dropped?.since ?? time, until: time };
      return undefined;
    }
    const handle = unheard<Handle>();
    this.#events.push({ record, time, handle });
    this.bytes += bytes;
    // Once there is a recorder, that sees to it that they are answered.
    const recorded = () => this.#calls.until(handle.promise);
    return {
      stored: async () => (await recorded()).stored(),
      delivered: async () => (await recorded()).delivered(),
    };
  }

  /** Rejects whatever somebody waits for, because the program has nothing else to do. */
  giveUp(error: CountersignError): void {
    this.#calls.rejectAll(error);
  }

  /** Records all of it. `at` sets the recorder's clock; what the recorder refuses is told to the handle and to `refused`. */
  moveTo(recorder: Recorder, at: (time: number) => void, refused: (error: unknown) => void): void {
    for (const { record, time, handle } of this.#events) {
      at(time);
      try {
        handle.resolve(record(recorder));
      } catch (error) {
        handle.reject(error);
        refused(error);
        // Who recorded it could not be stopped by it any more.
        if (error instanceof CountersignError && error.code === "event.invalid") {
          recorder.recordInvalid(error);
        }
      }
    }
    this.#events = [];
    this.bytes = 0;
    const dropped = this.#dropped;
    if (dropped !== undefined) {
      this.#dropped = undefined;
      at(dropped.until);
      recorder.recordDropped("the recorder could not be started", dropped);
    }
  }
}
