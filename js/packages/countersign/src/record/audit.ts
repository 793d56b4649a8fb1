/** What code that records is given. */

import type { LastProof } from "../deliver/sender.js";
import { type CountersignError, must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import type { ActorInput, Context, EventInput } from "./event.js";
import type { Handle } from "./handle.js";

/** A request of the web's, of Node.js's or of a framework's, of which a proxy's name for it is read and nothing else. */
export interface NamedRequest {
  readonly headers: { get(name: string): string | null } | { readonly [name: string]: unknown };
}

/** What is added to events that do not say it themselves. */
export interface Scope {
  /** Who acts: an actor, or an actor's id. */
  actor?: ActorInput | string | number | bigint | null | undefined;
  /** Whose data it is about. */
  tenant?: string | number | bigint | null | undefined;
  /** What names the request, or the request: its header `cf-ray` or `x-request-id` names it. */
  request?: NamedRequest | string | null | undefined;
  /** From where, member by member. */
  context?: Context | null | undefined;
}

/**
 * A recorder that many share, so that none of them can close it. Every `Recorder` is one.
 *
 * One that is yet to start takes events, too: they wait for it, and only its start shows some of what can be wrong with
 * an event. Then the handle and `onError` are told, and `countersign.dropped` is recorded in its place.
 */
export interface Audit<Event = EventInput> {
  /** Takes an event, at this moment. */
  record(event: Event): Handle;
  /** Takes any JSON object as text, or as text in UTF-8. */
  recordJson(json: string | Uint8Array): Handle;
  /** Resolves when all that was recorded before is delivered. */
  flush(options?: FlushOptions): Promise<void>;
  /** What waits and why, which proof is the newest, and what was dropped, redacted or cannot go on. */
  status(): Status;
  /** The same recorder, which adds to each event who acts, for whom and by which request, where the event does not say it. */
  with(scope: Scope): Audit<Event>;
  /**
   * Does work within which this is added to each event, whatever it calls and waits for: only what `asyncContext` returns
   * can do that, and all else throws `context.unavailable`.
   */
  with<Result>(scope: Scope, work: (audit: Audit<Event>) => Result): Result;
}

/** How a recorder is. */
export interface Status {
  /** Events that wait for a link. */
  readonly queued: number;
  /** Events and bytes that wait to be delivered, all in all. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Events that are being sent now. */
  readonly inFlight: number;
  /** The chain, once it has a link. */
  readonly chain: string | undefined;
  /** The newest proof that was verified. */
  readonly lastProof: LastProof | undefined;
  /** What kept the last flush from ending well; nothing after one that did. */
  readonly lastError: CountersignError | undefined;
  /** Milliseconds until it is tried again by itself. */
  readonly retryInMs: number | undefined;
  /** Events that there was no room for, since the recorder was created. */
  readonly dropped: number;
  /**
   * Events that are lost for another reason, since the recorder was created: those of chains that can't be continued,
   * which no outbox has, and those that were not valid, if `onInvalid` reports them.
   */
  readonly lost: number;
  /** Values, and parts of texts, that were redacted of what this recorder recorded. */
  readonly redacted: number;
  /** Chains that cannot go on, and why. What waits of them stays in the outbox, and is not sent again by itself. */
  readonly dead: readonly { readonly chain: string; readonly error: CountersignError }[];
}

/** How to flush, and what waits for a flush: `rotate` and `close`. */
export interface FlushOptions {
  /**
   * Milliseconds for which failed deliveries are retried. When they are over, the call rejects, whatever is still under way.
   * Default: 0, for one attempt.
   */
  retryForMs?: number | undefined;
}

/** Refuses what is no recorder, such as the promise of one. */
export function mustRecord(audit: unknown): void {
  const isAudit = typeof (audit as Partial<Audit> | null | undefined)?.record === "function";
  must(isAudit, "audit", "no recorder", "give what createRecorder returns: createRecorder({ … })");
}

/** Checks the options of a flush, and returns the milliseconds for which it is retried. */
export function retryForMsOf(given: FlushOptions): number {
  const { retryForMs = 0 } = ownOptions(given, ["retryForMs"]);
  mustBeMillis(retryForMs, "retryForMs");
  return retryForMs;
}
