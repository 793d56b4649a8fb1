/** The fields of an event that search, viewers, and analysis understand (SPEC section 12). */

import type { KnownAction } from "../codes.js";

export type { KnownAction } from "../codes.js";

/** An object of any type with JSON values, but not an array. */
export type Members = object;

/** The person or program that performed the action. */
export interface Actor {
  /** A stable identifier, such as a user ID. */
  id: string;
  /**
   * The kind of actor.
   *
   * @default "user"
   */
  type?: "user" | "service" | "agent" | "anonymous" | undefined;
  /** Display name. */
  name?: string | undefined;
  /** The ID of the actor's session. */
  session?: string | undefined;
  /** The ID of the API key or token used, never the secret itself. */
  credential?: string | undefined;
}

/** An agent between the person and the actor. */
export interface Intermediary {
  id: string;
  type?: Actor["type"];
  /** Display name. */
  name?: string | undefined;
}

/** The person or program that the actor acts for, such as the user of an AI agent. */
export interface OnBehalfOf {
  /** A stable identifier, such as a user ID. */
  id: string;
  /**
   * The kind of principal.
   *
   * @default "user"
   */
  type?: Actor["type"];
  /** Display name. */
  name?: string | undefined;
  /** The ID of the grant or token that allows the actor to act for it, never the secret itself. */
  grant?: string | undefined;
  /** Further agents between the person and the actor, the one nearest to the person first. At most 8. */
  via?: readonly Intermediary[] | undefined;
}

/** The object that the action affected. */
export interface Target {
  /** The kind of object, such as `job` or `invoice`. */
  type: string;
  id: string;
  /** Display name. */
  name?: string | undefined;
}

/** The origin of the action. */
export interface Context {
  /** IP address of the client. */
  ip?: string | undefined;
  user_agent?: string | undefined;
  /** Location of the client: `country` is an ISO 3166 code, `lat` and `lon` are degrees. */
  geo?: { country?: string | undefined; lat?: number | undefined; lon?: number | undefined } | undefined;
  request_id?: string | undefined;
  region?: string | undefined;
  /** The W3C Trace Context IDs of the trace and the span in which the action happened. */
  trace_id?: string | undefined;
  span_id?: string | undefined;
}

/** The HTTP request that caused the event. */
export interface HttpRequest {
  method: string;
  /** The path without the query. */
  path: string;
  status: number;
  host?: string | undefined;
  /** Duration of the request in milliseconds. */
  latency_ms?: number | undefined;
}

/** A refusal by a gate. */
export interface Decided {
  decision: "challenge" | "deny";
  /** The ID of the rule, or the name of another cause. */
  rule: string;
  /** The hash of the rule's pack, in base64. */
  pack?: string | undefined;
  /** The ID of the finding that put the client on a watchlist. */
  finding?: string | undefined;
}

/** An audit event: actor, action, target, origin, and outcome. */
export interface AuditEvent {
  /** The action as `noun.verb`, such as `job.delete`. */
  action: KnownAction | (string & {});
  /**
   * Identifies the event for retries: a recorder records an event with the same `id` and `action` only once, within the
   * limits that `docs/delivery.md` states. At most 200 characters, without secrets. Recorded as `metadata.event_id`.
   */
  id?: string | undefined;
  actor?: Actor | undefined;
  on_behalf_of?: OnBehalfOf | undefined;
  target?: Target | undefined;
  /**
   * Instead of `target`, all objects that the action affected, the main one first. At most 64. The first is recorded as
   * `target`, and the others as `metadata.targets`.
   */
  targets?: readonly Target[] | undefined;
  /** The result: `denied` if the actor wasn't allowed to do it. If absent, the result is not stated. */
  outcome?: "success" | "failure" | "denied" | "unknown" | undefined;
  /** The reason for a failure or a denial. */
  reason?: string | undefined;
  /** The time of the action, if it isn't the time of recording. */
  occurred_at?: Date | string | undefined;
  /** The customer or organization that it belongs to. */
  tenant?: string | undefined;
  /**
   * Instead of `tenant`, all customers or organizations that it concerns. A recorder with the option `tenants` records a
   * copy in the log of each. A copy names only its own tenant, and the copies have the same random `metadata.shared_id`.
   */
  tenants?: readonly string[] | undefined;
  context?: Context | undefined;
  http?: HttpRequest | undefined;
  /** The object's state before the action. */
  before?: Members | undefined;
  /** The object's state after the action. */
  after?: Members | undefined;
  /** Any other data. */
  metadata?: Members | undefined;
  /** A refusal by a gate. */
  countersign?: Decided | undefined;
}

/** An actor as accepted by `record`: IDs may be numbers. */
export interface ActorInput extends Omit<Actor, "id" | "name" | "session" | "credential" | "type"> {
  id: string | number | bigint;
  type?: Actor["type"] | null;
  name?: string | null | undefined;
  session?: string | number | bigint | null | undefined;
  credential?: string | number | bigint | null | undefined;
}

/** An actor in short: its type and ID, and optionally its name. `["service", 7]` is `{ type: "service", id: "7" }`. */
export type ActorTuple = readonly [
  type: NonNullable<Actor["type"]>,
  id: string | number | bigint,
  name?: string | null | undefined,
];

/** A principal that an actor acts for, as accepted by `record`: IDs may be numbers. */
export interface OnBehalfOfInput extends Omit<OnBehalfOf, "id" | "name" | "type" | "grant" | "via"> {
  id: string | number | bigint;
  type?: Actor["type"] | null;
  name?: string | null | undefined;
  grant?: string | number | bigint | null | undefined;
  via?: readonly Intermediary[] | null | undefined;
}

/** A target as accepted by `record`: IDs may be numbers. */
export interface TargetInput extends Omit<Target, "id" | "name"> {
  id: string | number | bigint;
  name?: string | null | undefined;
}

/** A target in short: its type and ID, and optionally its name. `["job", 42]` is `{ type: "job", id: "42" }`. */
export type TargetTuple = readonly [type: string, id: string | number | bigint, name?: string | null | undefined];

/**
 * An event as accepted by `record`. An actor may be just its ID, actors and targets may be tuples, numeric identifiers
 * become strings, a number of milliseconds becomes a time, and `null` counts as absent.
 */
export interface EventInput
  extends Omit<
    AuditEvent,
    | "id"
    | "actor"
    | "on_behalf_of"
    | "target"
    | "targets"
    | "outcome"
    | "reason"
    | "occurred_at"
    | "tenant"
    | "tenants"
    | "context"
    | "http"
    | "before"
    | "after"
    | "metadata"
  > {
  id?: string | number | bigint | null | undefined;
  actor?: ActorInput | ActorTuple | string | number | bigint | null | undefined;
  on_behalf_of?: OnBehalfOfInput | ActorTuple | string | number | bigint | null | undefined;
  target?: TargetInput | TargetTuple | null | undefined;
  targets?: readonly (TargetInput | TargetTuple)[] | null | undefined;
  outcome?: AuditEvent["outcome"] | null;
  reason?: string | null | undefined;
  occurred_at?: Date | string | number | null | undefined;
  tenant?: string | number | bigint | null | undefined;
  tenants?: readonly (string | number | bigint)[] | null | undefined;
  context?: { [Name in keyof Context]: Context[Name] | null } | null | undefined;
  http?: HttpRequest | null | undefined;
  before?: Members | null | undefined;
  after?: Members | null | undefined;
  metadata?: Members | null | undefined;
}

/**
 * The event type of a catalog: for each action, the fields with their required types.
 *
 * @example
 * ```ts
 * interface Events { "job.delete": { target: { type: "job"; id: string } } }
 * ```
 */
export type EventOf<Events> = unknown extends Events
  ? EventInput
  : {
      [Action in keyof Events & string]: Omit<EventInput, "action" | keyof Events[Action]> &
        Omit<Events[Action], "action"> & { action: Action };
    }[keyof Events & string];

/** The actions of an event type. */
export type ActionOf<Event> = Event extends { action: infer Action } ? Action : never;

/** The fields of an event type with this action, besides the action. */
export type FieldsOf<Event, Action> = Event extends { action: infer Known }
  ? Action extends Known
    ? Omit<Event, "action">
    : never
  : never;

/** The second argument of `record`, which can be omitted if no field is required. */
export type FieldsArgument<Event, Action> =
  object extends FieldsOf<Event, Action> ? [fields?: FieldsOf<Event, Action>] : [fields: FieldsOf<Event, Action>];

/** The program's events by action, with a schema for each. Returned by `defineEvents`. */
export interface Catalog<Events = unknown> {
  /**
   * Throws `event.invalid` if the event's action isn't listed or the event doesn't match its schema. Returns the
   * schema's output for the other fields.
   */
  check(event: object): unknown;
  /** Checks an event given as JSON text. */
  checkJson(json: string): void;
  /** The event types. Exists only for TypeScript. */
  readonly "~events"?: Events | undefined;
}
