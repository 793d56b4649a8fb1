/** Imports of many events, recorded no faster than they are delivered. */

import { CountersignError, must, mustBeMillis, mustCall } from "../error.js";
import { ownOptions } from "../known.js";
import { field } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import type { EventInput } from "../record/event.js";
import { plainFields } from "../record/fields.js";
import type { Handle } from "../record/handle.js";

/** The progress of an import. */
export interface ManyProgress {
  /** Number of events read from the source, including skipped ones; pass it as `skip` to resume. */
  readonly read: number;
  /** Number of events proven to be in the log, or written to the transport. */
  readonly delivered: number;
  /** Number of events passed to `onInvalid`. */
  readonly invalid: number;
}

/** Options of `recordMany`. */
export interface ManyOptions {
  /**
   * Called after each delivered batch, and awaited, so that you can store the position.
   *
   * @default undefined: progress is only in the result
   * @example
   * ```ts
   * onProgress: ({ read }) => saveCount(read)
   * ```
   */
  onProgress?: ((progress: ManyProgress) => unknown) | undefined;
  /**
   * Number of events to skip, because they were imported before: `read` of the last stored progress.
   *
   * @default 0
   * @example
   * ```ts
   * skip: await savedCount()
   * ```
   */
  skip?: number | undefined;
  /**
   * Called with the error and the index of each invalid event, which is then skipped.
   *
   * @default undefined: the import stops at an invalid event
   * @example
   * ```ts
   * onInvalid: (error, at) => console.warn(at, error.message)
   * ```
   */
  onInvalid?: ((error: CountersignError, at: number) => unknown) | undefined;
  /**
   * Stops the import after the current batch.
   *
   * @default undefined: the import runs to its end
   * @example
   * ```ts
   * signal: AbortSignal.timeout(600_000)
   * ```
   */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds to retry failed deliveries.
   *
   * @default 60000
   * @example
   * ```ts
   * retryForMs: 300_000
   * ```
   */
  retryForMs?: number | undefined;
}

/** Maximum number of events, and of bytes, per batch. */
const BATCH = { events: 1024, bytes: 1 << 20 };

/** An event of the source with its handle. */
interface RecordedEvent {
  readonly event: EventInput;
  handle: Handle;
}

/**
 * Records events from the past in order, each with its own `occurred_at`. The source is read no faster than events are
 * delivered: a batch is recorded and flushed, and each of its events is proven to be in the log before the next batch
 * begins. If the recorder is full, it waits for room.
 *
 * Resolves with the final progress. If it fails, the error names the event's index in the source, and already recorded
 * events stay queued in the recorder.
 *
 * After a crash, resume with `skip`. Events delivered after the last stored progress are recorded again.
 *
 * @example
 * ```ts
 * await recordMany(audit, eventsOfOldSystem(), { onProgress: ({ read }) => save(read), skip: await saved() });
 * ```
 */
export async function recordMany(
  audit: Pick<Audit, "record" | "flush" | "status">,
  source: Iterable<EventInput> | AsyncIterable<EventInput>,
  options: ManyOptions = {},
): Promise<ManyProgress> {
  mustRecord(audit);
  const events = "pass an array, a generator, or another iterable or async iterable";
  must(isIterable(source), "source", "`source` must be an iterable of events", events);
  const own = ownOptions(options, ["onProgress", "skip", "onInvalid", "signal", "retryForMs"]);
  const { onProgress, skip = 0, onInvalid, signal, retryForMs = 60_000 } = own;
  const hint = "pass `read` of the last progress, or omit it";
  must(Number.isSafeInteger(skip) && skip >= 0, "skip", "`skip` must be a whole number of events", hint);
  mustCall(own, "onProgress", "onInvalid");
  mustBeMillis(retryForMs, "retryForMs");
  const isSignal = signal === undefined || typeof signal?.throwIfAborted === "function";
  must(isSignal, "signal", "`signal` must be an AbortSignal", "pass the signal of an AbortController");
  signal?.throwIfAborted();
  const done = { read: 0, delivered: 0, invalid: 0 };
  let batch: RecordedEvent[] = [];
  const end = async () => {
    if (batch.length === 0) {
      return;
    }
    await deliver(audit, batch, retryForMs);
    done.delivered += batch.length;
    batch = [];
    await onProgress?.({ ...done });
    signal?.throwIfAborted();
  };
  for await (const event of source) {
    const at = done.read++;
    if (at < skip) {
      continue;
    }
    try {
      batch.push({ event, handle: await record(audit, requireTime(event), retryForMs) });
    } catch (cause) {
      if (!(cause instanceof CountersignError)) {
        throw cause;
      }
      const error = withIndex(cause, at);
      if (cause.code !== "event.invalid" || onInvalid === undefined) {
        await end();
        throw error;
      }
      done.invalid++;
      await onInvalid(error, at);
    }
    if (batch.length >= BATCH.events || audit.status().waitingBytes >= BATCH.bytes) {
      await end();
    }
  }
  await end();
  return { ...done };
}

/** Throws if an event has no time of its own; it would be recorded with the current time. */
function requireTime(event: EventInput): EventInput {
  const isObject = typeof event === "object" && event !== null;
  if (isObject && (field(plainFields(event), "occurred_at") ?? undefined) === undefined) {
    throw new CountersignError("event.invalid", "imported events need `occurred_at`", {
      member: "occurred_at",
      hint: "set it to a Date, or a time such as 2026-01-31T12:00:00Z",
    });
  }
  return event;
}

/** Records an event, after a flush if the recorder is full. */
async function record(audit: Pick<Audit, "record" | "flush">, event: EventInput, retryForMs: number): Promise<Handle> {
  try {
    return audit.record(event);
  } catch (error) {
    if (!isFull(error)) {
      throw error;
    }
    await audit.flush({ retryForMs });
    return audit.record(event);
  }
}

/** Delivers a batch. Events that were dropped because of `onFull: "drop"` are recorded again once there is room. */
async function deliver(
  audit: Pick<Audit, "record" | "flush">,
  batch: readonly RecordedEvent[],
  retryForMs: number,
): Promise<void> {
  for (let left = batch; left.length > 0; ) {
    await audit.flush({ retryForMs });
    const results = await Promise.allSettled(left.map(({ handle }) => handle.delivered()));
    const dropped: RecordedEvent[] = [];
    for (const [at, result] of results.entries()) {
      const one = left[at];
      if (result.status === "rejected" && one !== undefined) {
        if (!isFull(result.reason)) {
          throw result.reason;
        }
        dropped.push(one);
      }
    }
    for (const one of dropped) {
      one.handle = await record(audit, one.event, retryForMs);
    }
    left = dropped;
  }
}

function isIterable(source: unknown): boolean {
  return typeof source === "object" && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}

function isFull(error: unknown): boolean {
  return error instanceof CountersignError && error.code === "recorder.full";
}

function withIndex({ code, message, hint, member, cause }: CountersignError, at: number): CountersignError {
  return new CountersignError(code, `event ${at} of \`source\` (from 0): ${message}`, { hint, member, cause });
}
