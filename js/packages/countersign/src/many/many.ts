/** Recording what there is a lot of, no faster than it is delivered. */

import { CountersignError, must, mustBeMillis, mustCall } from "../error.js";
import { ownOptions } from "../known.js";
import { field } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import type { EventInput } from "../record/event.js";
import { plainFields } from "../record/fields.js";
import type { Handle } from "../record/handle.js";

/** How far an import is. */
export interface ManyProgress {
  /** Events of the source that were looked at, with those that were skipped: the place to go on from. */
  readonly read: number;
  /** Events that are proven to be in the log, or handed to the transport. */
  readonly delivered: number;
  /** Events that `onInvalid` was told of. */
  readonly invalid: number;
}

/** How to import. */
export interface ManyOptions {
  /** Told after each part that was delivered; what it gives is waited for, so that the place can be kept. */
  onProgress?: ((progress: ManyProgress) => unknown) | undefined;
  /** So many events of the source were imported before: `read` of the last progress that was kept. */
  skip?: number | undefined;
  /** Told of what is no event, which is left out then. Without it the import ends there. */
  onInvalid?: ((error: CountersignError, at: number) => unknown) | undefined;
  /** Ends it after the part that is under way. */
  signal?: AbortSignal | undefined;
  /** Milliseconds for which failed deliveries are retried. Default: 60,000. */
  retryForMs?: number | undefined;
}

/** So many events, or bytes of them, are recorded before they are delivered. */
const PART = { events: 1024, bytes: 1 << 20 };

/** An event of the source, and what became of it. */
interface Recorded {
  readonly event: EventInput;
  handle: Handle;
}

/**
 * Records events of before, each with its own `occurred_at`, in their order. No more of the source is read than is
 * delivered: a part is recorded, flushed, and each of its events is proven to be in the log before the next part begins.
 * What there was no room for is recorded when there is. Resolves with what was done; where it fails, all that was
 * recorded stays the recorder's to deliver, and the error says which event of the source it was at.
 *
 *     await recordMany(audit, eventsOfOldSystem(), { onProgress: ({ read }) => keep(read), skip: await kept() });
 *
 * After a kill, go on with `skip`: what was delivered after the last progress that was kept is recorded again.
 */
export async function recordMany(
  audit: Pick<Audit, "record" | "flush" | "status">,
  source: Iterable<EventInput> | AsyncIterable<EventInput>,
  options: ManyOptions = {},
): Promise<ManyProgress> {
  mustRecord(audit);
  const events = "give an array, a generator, or whatever else for await goes through";
  must(isIterable(source), "source", "no events, one after the other", events);
  const own = ownOptions(options, ["onProgress", "skip", "onInvalid", "signal", "retryForMs"]);
  const { onProgress, skip = 0, onInvalid, signal, retryForMs = 60_000 } = own;
  const hint = "give `read` of the last progress, or leave it out";
  must(Number.isSafeInteger(skip) && skip >= 0, "skip", "no number of events", hint);
  mustCall(own, "onProgress", "onInvalid");
  mustBeMillis(retryForMs, "retryForMs");
  const isSignal = signal === undefined || typeof signal?.throwIfAborted === "function";
  must(isSignal, "signal", "no AbortSignal", "give the signal of an AbortController");
  signal?.throwIfAborted();
  const done = { read: 0, delivered: 0, invalid: 0 };
  let part: Recorded[] = [];
  const end = async () => {
    if (part.length === 0) {
      return;
    }
    await delivered(audit, part, retryForMs);
    done.delivered += part.length;
    part = [];
    await onProgress?.({ ...done });
    signal?.throwIfAborted();
  };
  for await (const event of source) {
    const at = done.read++;
    if (at < skip) {
      continue;
    }
    try {
      part.push({ event, handle: await taken(audit, dated(event), retryForMs) });
    } catch (cause) {
      if (!(cause instanceof CountersignError)) {
        throw cause;
      }
      const error = placed(cause, at);
      if (cause.code !== "event.invalid" || onInvalid === undefined) {
        await end();
        throw error;
      }
      done.invalid++;
      await onInvalid(error, at);
    }
    if (part.length >= PART.events || audit.status().waitingBytes >= PART.bytes) {
      await end();
    }
  }
  await end();
  return { ...done };
}

/** An import without the time of each event would date all of them now. */
function dated(event: EventInput): EventInput {
  const isObject = typeof event === "object" && event !== null;
  if (isObject && (field(plainFields(event), "occurred_at") ?? undefined) === undefined) {
    throw new CountersignError("event.invalid", "an event of before does not say when it happened", {
      member: "occurred_at",
      hint: "give a Date, or a time such as 2026-01-31T12:00:00Z",
    });
  }
  return event;
}

/** Records an event, when there is room. */
async function taken(audit: Pick<Audit, "record" | "flush">, event: EventInput, retryForMs: number): Promise<Handle> {
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

/** Delivers a part, and what of it a recorder dropped that has `onFull: "drop"`: once there is room. */
async function delivered(
  audit: Pick<Audit, "record" | "flush">,
  part: readonly Recorded[],
  retryForMs: number,
): Promise<void> {
  for (let left = part; left.length > 0; ) {
    await audit.flush({ retryForMs });
    const results = await Promise.allSettled(left.map(({ handle }) => handle.delivered()));
    const dropped: Recorded[] = [];
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
      one.handle = await taken(audit, one.event, retryForMs);
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

function placed({ code, message, hint, member, cause }: CountersignError, at: number): CountersignError {
  return new CountersignError(code, `event ${at} of the source, counted from 0: ${message}`, { hint, member, cause });
}
