/** Events that are recorded before their recorder has started. */

import { CountersignError } from "../error.js";
import type { Deferred } from "../promises.js";
import { LINK } from "./chain.js";
import { type Handle, unheard } from "./handle.js";
import type { Dropped } from "./lost-events.js";
import type { Pipeline } from "./pipeline.js";

/** How much may wait. */
export interface QueueLimits {
  readonly events: number;
  /** Bytes of events, with those of the links that they will have. */
  readonly bytes: number;
}

interface EarlyEvent {
  /** Records the event in the pipeline. */
  readonly record: (pipeline: Pipeline) => Handle;
  /** When it was recorded: milliseconds from the epoch. */
  readonly time: number;
  readonly handle: Deferred<Handle>;
}

/** Keeps events in order until there is a pipeline for them. */
export class StartupQueue {
  readonly #recorded: (handle: Promise<Handle>) => Promise<Handle>;
  #events: EarlyEvent[] = [];
  /** Bytes of the events' texts. */
  bytes: number = 0;
  #dropped: Dropped | undefined;

  /** `recorded` waits for the handle that the pipeline gives to an event. */
  constructor(recorded: (handle: Promise<Handle>) => Promise<Handle>) {
    this.#recorded = recorded;
  }

  get length(): number {
    return this.#events.length;
  }

  /** Events that there was no room for. */
  get dropped(): number {
    return this.#dropped?.count ?? 0;
  }

  /** True if an event of so many bytes may be added. */
  hasRoom(bytes: number, limits: QueueLimits): boolean {
    const { length } = this.#events;
    return length < limits.events && this.bytes + bytes + LINK * (length + 1) <= limits.bytes;
  }

  /** Adds an event of so many bytes. */
  add(bytes: number, time: number, record: (pipeline: Pipeline) => Handle): Handle {
    const handle = unheard<Handle>();
    this.#events.push({ record, time, handle });
    this.bytes += bytes;
    return {
      stored: async () => (await this.#recorded(handle.promise)).stored(),
      delivered: async () => (await this.#recorded(handle.promise)).delivered(),
    };
  }

  /** Counts an event that there was no room for. */
  drop(time: number): void {
    this.#dropped = { count: this.dropped + 1, since: this.#dropped?.since ?? time, until: time };
  }

  /** Returns what was dropped, and forgets it. */
  takeDropped(): Dropped | undefined {
    const dropped = this.#dropped;
    this.#dropped = undefined;
    return dropped;
  }

  /**
   * Records all events. `at` sets the pipeline's clock to the time of each. Returns why some were refused; their handles
   * reject with it.
   */
  moveTo(pipeline: Pipeline, at: (time: number) => void): unknown[] {
    const refusals: unknown[] = [];
    for (const { record, time, handle } of this.#events) {
      at(time);
      try {
        handle.resolve(record(pipeline));
      } catch (error) {
        handle.reject(error);
        refusals.push(error);
        // The code that recorded it has gone on: the log shows that there was something.
        if (error instanceof CountersignError && error.code === "event.invalid") {
          pipeline.recordInvalid(error);
        }
      }
    }
    this.#events = [];
    this.bytes = 0;
    return refusals;
  }
}
