/** The queue of events that are recorded before their recorder has started. */

import { CountersignError } from "../error.js";
import type { Deferred } from "../promises.js";
import { LINK } from "./chain.js";
import type { EventPipeline } from "./event-pipeline.js";
import { type Handle, quietDeferred } from "./handle.js";
import type { Dropped } from "./lost-events.js";
import { earlyHandle } from "./shared-event.js";

/** Limits of the queue. */
export interface QueueLimits {
  readonly events: number;
  /** Bytes of events, including an estimate for their links. */
  readonly bytes: number;
}

interface EarlyEvent {
  /** Records the event in the pipeline. */
  readonly record: (pipeline: EventPipeline) => Handle;
  /** When it was recorded, in milliseconds since the epoch. */
  readonly time: number;
  readonly handle: Deferred<Handle>;
}

/** Keeps events in order until there is a pipeline for them. */
export class StartupQueue {
  readonly #recorded: (handle: Promise<Handle>) => Promise<Handle>;
  #events: EarlyEvent[] = [];
  /** Size of the events' JSON, in UTF-16 code units. */
  bytes: number = 0;
  #dropped: Dropped | undefined;

  /** `recorded` waits for the handle that the pipeline returns for an event. */
  constructor(recorded: (handle: Promise<Handle>) => Promise<Handle>) {
    this.#recorded = recorded;
  }

  get length(): number {
    return this.#events.length;
  }

  /** Number of events dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped?.count ?? 0;
  }

  /** True if an event of this many bytes fits. */
  hasRoom(bytes: number, limits: QueueLimits): boolean {
    const { length } = this.#events;
    return length < limits.events && this.bytes + bytes + LINK * (length + 1) <= limits.bytes;
  }

  /** Adds an event of this many bytes. `tenants` are those of its copies, if there are several. */
  add(
    bytes: number,
    time: number,
    record: (pipeline: EventPipeline) => Handle,
    tenants?: readonly string[] | undefined,
  ): Handle {
    const handle = quietDeferred<Handle>();
    this.#events.push({ record, time, handle });
    this.bytes += bytes;
    const recorded = () => this.#recorded(handle.promise);
    if (tenants !== undefined) {
      return earlyHandle(tenants, recorded);
    }
    return {
      stored: async () => (await recorded()).stored(),
      delivered: async () => (await recorded()).delivered(),
    };
  }

  /** Counts an event that didn't fit. */
  drop(time: number): void {
    this.#dropped = { count: this.dropped + 1, since: this.#dropped?.since ?? time, until: time };
  }

  /** Returns the count of dropped events, and resets it. */
  takeDropped(): Dropped | undefined {
    const dropped = this.#dropped;
    this.#dropped = undefined;
    return dropped;
  }

  /**
   * Records all events in the pipeline. `at` sets the pipeline's clock to the time of each. Returns the errors of
   * rejected events, whose handles reject with them.
   */
  moveTo(pipeline: EventPipeline, at: (time: number) => void): unknown[] {
    const refusals: unknown[] = [];
    for (const { record, time, handle } of this.#events) {
      at(time);
      try {
        handle.resolve(record(pipeline));
      } catch (error) {
        handle.reject(error);
        refusals.push(error);
        // The caller can no longer handle the error, so the log records that there was an event.
        if (error instanceof CountersignError && error.code === "event.invalid") {
          pipeline.recordInvalid(error);
        }
      }
    }
    this.#events = [];
    this.bytes = 0;
    return refusals;
  }

  /** Rejects the handles of all events. Returns their number. */
  fail(error: unknown): number {
    const events = this.#events;
    this.#events = [];
    this.bytes = 0;
    for (const { handle } of events) {
      handle.reject(error);
    }
    return events.length;
  }
}
