/** What an event says: the members that search, viewers and analysis understand (SPEC section 12). */

import type { KnownAction } from "../codes.js";

export type { KnownAction } from "../codes.js";

/** An object of any type, with values that JSON can carry; an array is none. */
export type Members = object;

/** Who did it. */
export interface Actor {
  id: string;
  /** `user` where it is not given. */
  type?: "user" | "service" | "agent" | "anonymous" | undefined;
  /** A name for people. */
  name?: string | undefined;
  session?: string | undefined;
  /** An identifier of the key or token used, never the secret. */
  credential?: string | undefined;
}

/** What was acted on. */
export interface Target {
  type: string;
  id: string;
  /** A name for people. */
  name?: string | undefined;
}

/** From where. */
export interface Context {
  ip?: string | undefined;
  user_agent?: string | undefined;
  geo?: { country?: string | undefined; lat?: number | undefined; lon?: number | undefined } | undefined;
  request_id?: string | undefined;
  region?: string | undefined;
  /** The trace and the span within which it happened, as W3C Trace Context writes them. */
  trace_id?: string | undefined;
  span_id?: string | undefined;
}

/** The request, where there was one. */
export interface HttpRequest {
  method: string;
  /** Without its query. */
  path: string;
  status: number;
  host?: string | undefined;
  latency_ms?: number | undefined;
}

/** What a gate refused, and why. */
export interface Decided {
  decision: "challenge" | "deny";
  /** The id of the rule, or the name of what else decided. */
  rule: string;
  /** The hash of the rule's pack, base64. */
  pack?: string | undefined;
  /** The id of the finding by which it was on a watchlist. */
  finding?: string | undefined;
}

/** Who did what, to what, from where, with what outcome. */
export interface AuditEvent {
  /** `noun.verb`. */
  action: KnownAction | (string & {});
  actor?: Actor | undefined;
  target?: Target | undefined;
  /** How it ended, `denied` where it was refused to who asked; where it is not given, that is not stated. */
  outcome?: "success" | "failure" | "denied" | "unknown" | undefined;
  /** Why it failed or was refused. */
  reason?: string | undefined;
  /** When it happened, if that is not when it is recorded. */
  occurred_at?: Date | string | undefined;
  /** Whose it is. */
  tenant?: string | undefined;
  context?: Context | undefined;
  http?: HttpRequest | undefined;
  /** What was there before. */
  before?: Members | undefined;
  /** What is there now. */
  after?: Members | undefined;
  /** Anything else. */
  metadata?: Members | undefined;
  /** What a gate refused, and why. */
  countersign?: Decided | undefined;
}

/** An actor as programs have it. */
export interface ActorInput extends Omit<Actor, "id" | "name" | "session" | "credential" | "type"> {
  id: string | number | bigint;
  type?: Actor["type"] | null;
  name?: string | null | undefined;
  session?: string | number | bigint | null | undefined;
  credential?: string | number | bigint | null | undefined;
}

/** A target as programs have it. */
export interface TargetInput extends Omit<Target, "id" | "name"> {
  id: string | number | bigint;
  name?: string | null | undefined;
}

/**
 * An event as `record` takes it. An actor's id alone becomes an actor, a number that is an identifier a string, and a
 * number of milliseconds a time; `null` counts as absent.
 */
export interface EventInput
  extends Omit<
    AuditEvent,
    | "actor"
    | "target"
    | "outcome"
    | "reason"
    | "occurred_at"
    | "tenant"
    | "context"
    | "http"
    | "before"
    | "after"
    | "metadata"
  > {
  actor?: ActorInput | string | number | bigint | null | undefined;
  target?: TargetInput | null | undefined;
  outcome?: AuditEvent["outcome"] | null;
  reason?: string | null | undefined;
  occurred_at?: Date | string | number | null | undefined;
  tenant?: string | number | bigint | null | undefined;
  context?: { [Name in keyof Context]: Context[Name] | null } | null | undefined;
  http?: HttpRequest | null | undefined;
  before?: Members | null | undefined;
  after?: Members | null | undefined;
  metadata?: Members | null | undefined;
}

/**
 * An event of a catalog: of each action the members that it must have, or may only have so.
 *
 *     interface Events { "job.delete": { target: { type: "job"; id: string } } }
 */
export type EventOf<Events> = unknown extends Events
  ? EventInput
  : {
      [Action in keyof Events & string]: Omit<EventInput, "action" | keyof Events[Action]> &
        Omit<Events[Action], "action"> & { action: Action };
    }[keyof Events & string];

/** What `defineEvents` returns: each action, and what its events must hold. */
export interface Catalog<Events = unknown> {
  /**
   * Throws `event.invalid` for an event that is not as its action's schema has it, or whose action is not listed. Returns
   * what the schema made of the other fields.
   */
  check(event: object): unknown;
  /** The same of an event as JSON text. */
  checkJson(json: string): void;
  /** What the events hold, for TypeScript alone. */
  readonly "~events"?: Events | undefined;
}
