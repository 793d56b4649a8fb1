/** The interface of a recorder for code that records events. */

import type { LastProof } from "../deliver/sender.js";
import { type CountersignError, must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import type {
  ActionOf,
  ActorInput,
  ActorTuple,
  Context,
  EventInput,
  FieldsArgument,
  OnBehalfOfInput,
} from "./event.js";
import type { Handle } from "./handle.js";

/** A request of the Fetch API, Node.js, or a framework. Only the header with its ID is read. */
export interface NamedRequest {
  readonly headers: { get(name: string): string | null } | { readonly [name: string]: unknown };
}

/** Values added to events that don't have their own. */
export interface Scope {
  /** The actor, its ID, or its type and ID. */
  actor?: ActorInput | ActorTuple | string | number | bigint | null | undefined;
  /** The person or program that the actor acts for, or its ID. Not added to events that have an actor of their own. */
  on_behalf_of?: OnBehalfOfInput | ActorTuple | string | number | bigint | null | undefined;
  /** The customer or organization whose data is affected. */
  tenant?: string | number | bigint | null | undefined;
  /** The request, or its ID. A request's ID is read from the header `cf-ray` or `x-request-id`. */
  request?: NamedRequest | string | null | undefined;
  /** The origin of the action. Each field is added separately. */
  context?: Context | null | undefined;
}

/**
 * A recorder that several parts of a program share and that none of them can close. Every `Recorder` is one.
 *
 * A recorder that has not started yet accepts events and queues them. Some problems of an event only show at the start;
 * they are then reported to the handle and to `onError`, and `countersign.dropped` is recorded instead.
 */
export interface Audit<Event = EventInput> {
  /**
   * Records an event, with the current time.
   *
   * @example
   * ```ts
   * audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: "42" } });
   * ```
   */
  record(event: Event): Handle;
  /**
   * Records an event, given its action and its other fields.
   *
   * @example
   * ```ts
   * audit.record("job.delete", { actor: "u_1", target: ["job", 42] });
   * ```
   */
  record<Action extends ActionOf<Event>>(action: Action, ...fields: FieldsArgument<Event, Action>): Handle;
  /** Records any JSON object, given as a string or as UTF-8 bytes. */
  recordJson(json: string | Uint8Array): Handle;
  /** Resolves when all events recorded before are delivered. Rejects with the reason if they aren't. */
  flush(options?: FlushOptions): Promise<void>;
  /** Returns a snapshot: waiting events, the last error and proof, and counts of dropped, lost, and redacted items. */
  status(): Status;
  /** Returns a view of this recorder that adds the actor, tenant, and request to events that don't have their own. */
  with(scope: Scope): Audit<Event>;
  /**
   * Runs `work` and adds the scope to every event recorded in it, including in functions that it calls or awaits. Needs
   * a recorder from `asyncContext`; others throw `context.unavailable`.
   */
  with<Result>(scope: Scope, work: (audit: Audit<Event>) => Result): Result;
}

/** A snapshot of a recorder's state. */
export interface Status {
  /** Number of events that have no link yet. */
  readonly queued: number;
  /** Number of events that wait for delivery. */
  readonly waiting: number;
  /** Size of the events that wait for delivery, in bytes. */
  readonly waitingBytes: number;
  /** Number of events being sent now. */
  readonly inFlight: number;
  /** The current chain's name, once it has a link. */
  readonly chain: string | undefined;
  /** The newest verified proof. */
  readonly lastProof: LastProof | undefined;
  /** The error of the last flush; undefined once a flush succeeds. */
  readonly lastError: CountersignError | undefined;
  /** Milliseconds until the next automatic retry. */
  readonly retryInMs: number | undefined;
  /** Number of events dropped because the recorder was full, since it was created. */
  readonly dropped: number;
  /**
   * Number of events lost for other reasons, since the recorder was created: events of dead chains that no outbox
   * contains, and invalid events with `onInvalid: "report"`.
   */
  readonly lost: number;
  /** Number of values, or parts of strings, that were redacted. */
  readonly redacted: number;
  /** Number of events that were not recorded again, because one with the same `id` was recorded before. */
  readonly repeated: number;
  /**
   * Chains that can't be continued, with the reason. Their undelivered events stay in the outbox and aren't resent
   * automatically.
   */
  readonly dead: readonly { readonly chain: string; readonly error: CountersignError }[];
}

/** Options of `flush`, `rotate`, and `close`. */
export interface FlushOptions {
  /**
   * Milliseconds to retry failed deliveries. The call rejects when they are over, even while a delivery is still
   * running.
   *
   * @default 0, for a single attempt
   * @example
   * ```ts
   * retryForMs: 10_000
   * ```
   */
  retryForMs?: number | undefined;
}

/** Throws unless the value is a recorder; a promise of one is a common mistake. */
export function mustRecord(audit: unknown): void {
  const isAudit = typeof (audit as Partial<Audit> | null | undefined)?.record === "function";
  must(isAudit, "audit", "`audit` must be a recorder", "pass the result of createRecorder");
}

/** Checks flush options and returns `retryForMs`. */
export function retryForMsOf(options: FlushOptions): number {
  const { retryForMs = 0 } = ownOptions(options, ["retryForMs"]);
  mustBeMillis(retryForMs, "retryForMs");
  return retryForMs;
}
