/** What code that records is given. */

import type { Actor, AuditEvent, Context } from "./event.js";
import type { Handle } from "./handle.js";
import type { FlushPatience, Status } from "./status.js";

/** A request of the web's, of Node.js's or of a framework's, of which a proxy's name for it is read and nothing else. */
export interface NamedRequest {
  readonly headers: { get(name: string): string | null } | { readonly [name: string]: unknown };
}

/** What is added to events that do not say it themselves. */
export interface Scope {
  /** Who acts: an actor, or an actor's id. */
  actor?: Actor | string | undefined;
  /** Whose data it is about. */
  tenant?: string | undefined;
  /** What names the request, or the request: its header `cf-ray` or `x-request-id` names it. */
  request?: NamedRequest | string | undefined;
  /** From where, member by member. */
  context?: Context | undefined;
}

/**
 * A recorder that many share, so that none of them can close it. Every `Recorder` is one.
 *
 * One of a Worker may be yet to start. What is recorded until then waits for it, and only then is it seen whether the
 * event is one: `record` throws where it cannot be written as JSON, and of all else that is wrong with it the handle
 * and `onError` are told.
 */
export interface Audit<Event = AuditEvent> {
  /** Takes an event, at this moment. */
  record(event: Event): Handle;
  /** Takes any JSON object as text, or as text in UTF-8. */
  recordJson(json: string | Uint8Array): Handle;
  /** Resolves when all that was recorded before is delivered. */
  flush(patience?: FlushPatience): Promise<void>;
  /** How things stand. */
  status(): Status;
  /** The same recorder, which adds to each event who acts, for whom and by which request, where the event does not say it. */
  with(scope: Scope): Audit<Event>;
  /**
   * Does work within which this is added to each event, whatever it calls and waits for: only what `asyncContext` of
   * `countersign/context` made can do that, and all else throws `context.unavailable`.
   */
  with<Result>(scope: Scope, work: (audit: Audit<Event>) => Result): Result;
}
