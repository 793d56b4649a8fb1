/** The interface of a started recorder's inside: one pipeline, or one for each tenant. */

import type { CountersignError } from "../error.js";
import type { Replaceable } from "../outbox/recorder-outbox.js";
import type { FlushOptions, Status } from "./audit.js";
import type { AuditEvent } from "./event.js";
import type { Handle } from "./handle.js";
import type { EventProblem } from "./intake.js";
import type { Dropped, LossReason } from "./lost-events.js";
import type { KeyHandle, Signer } from "./signer.js";

export interface EventPipeline {
  /** The origin of the log: with tenants, of their root log. */
  readonly origin: string;
  /** The current chain's name, once it has a link. There is none with tenants, which have a chain each. */
  readonly chain: string | undefined;
  /** The number of events without a link. */
  readonly queued: number;
  /** The number of events that are undelivered and still deliverable. */
  readonly waiting: number;
  /** Records an event with the current time. */
  record(event: AuditEvent): Handle;
  /** Records an event that was already read, with the problems found at that time. */
  recordRead(event: AuditEvent, problems: readonly EventProblem[]): Handle;
  /** Records text that `Intake` made of an event, with the event's problems. */
  recordText(json: string, problems: readonly EventProblem[]): Handle;
  /** Records any JSON object, given as a string or as UTF-8 bytes. */
  recordJson(json: string | Uint8Array): Handle;
  /** Runs `work`, whose events were already counted against the limit, without applying the limit again. */
  catchUp(work: () => void): void;
  /** Counts events that were dropped before the pipeline existed. */
  drop(dropped: Dropped, reason: LossReason): void;
  /** Records that an invalid event was passed to `record`. */
  recordInvalid(error: CountersignError): void;
  /** Schedules a flush in the calling context, if each context flushes separately. */
  flushSoon(): void;
  /**
   * Resolves when all events recorded before are delivered. Rejects with the reason if they aren't; they stay queued.
   */
  flush(options?: FlushOptions): Promise<void>;
  status(): Status;
  rotate(key: string | KeyHandle | Signer, options?: FlushOptions): Promise<void>;
  close(options?: FlushOptions): Promise<void>;
  /** Discards a pipeline that no event was recorded into. */
  discard(): void;
}

/** A pipeline that can pass its outbox on to another. */
export interface ReplaceablePipeline extends EventPipeline, Replaceable {
  /** Forwards later calls, from modules that still hold this pipeline, to its successor. */
  replaceBy(successor: ReplaceablePipeline): void;
}
