/** Decisions of a gate, and the responses to refused requests. */

import { CountersignError, must } from "../error.js";
import { ownFields } from "../own.js";
import type { Actor, AuditEvent, HttpRequest } from "../record/event.js";

/** An event before it happens: a request has no status yet. */
export type EventToBe = Omit<AuditEvent, "http"> & { http?: Partial<HttpRequest> | undefined };

/**
 * Marks a value that a callback failed to return, or a host that a request doesn't contain, so that a gate can't mistake
 * it for an absent one.
 */
export const MISSING = Symbol("missing") as unknown as undefined;

/** True unless a callback failed to return the value. */
export const isPresent = <T>(value: T): boolean => value !== MISSING;

/**
 * Throws unless identifiers have the types of a recorded event, because rules, lists, and limits would not match them
 * otherwise.
 */
export function mustHaveStringIds({ actor, tenant, context, http }: EventToBe): void {
  const wasReturned = [actor, tenant, context?.ip].every(isPresent);
  const hint = "see the error that the callback threw; without the value, rules and lists can't be applied";
  must(wasReturned, undefined, "a callback failed to return the actor, the tenant, or the address", hint);
  if (!isPresent(http?.host)) {
    const hint = "send the request with a `Host` header, or let a rule allow it";
    throw new CountersignError("event.invalid", "the request has no host", { member: "http.host", hint });
  }
  const { id, session, credential } = (actor ?? NOBODY) as Partial<Actor>;
  mustBeText(typeof id === "string", "actor.id");
  mustBeText(isText(session), "actor.session");
  mustBeText(isText(credential), "actor.credential");
  mustBeText(isText(tenant), "tenant");
  mustBeText(isText(context?.ip), "context.ip");
}

const NOBODY: Partial<Actor> = { id: "" };

const isText = (value: unknown): boolean => typeof value === "string" || (value ?? undefined) === undefined;

function mustBeText(isOne: boolean, member: string): void {
  if (!isOne) {
    const hint = "pass it as a string, not a number or a Promise; an actor must be an object with `id`";
    throw new CountersignError("event.invalid", `${member} must be a string`, { member, hint });
  }
}

/** The verdict on a request: it may proceed, the actor must authenticate again, or it is refused. */
export type Verdict = "allow" | "challenge" | "deny";

/** The reason why a request was refused or challenged. */
export interface Refusal {
  readonly decision: "challenge" | "deny";
  /**
   * The cause: a rule of the pack, the watchlist, a limit, a failure of a gate that fails closed, or input that can't be
   * judged, which is rejected whether the gate fails open or closed.
   */
  readonly by: "rule" | "watchlist" | "limit" | "failure" | "input";
  /** The rule's ID, the limit's name, or the error code of the failure or of the problem with the input. */
  readonly rule: string;
  /** The rule's title, or the problem with the input, if known. */
  readonly title?: string | undefined;
  /** The hash of the rule's pack, in base64; undefined if the pack could not be read. */
  readonly pack?: string | undefined;
  /** The ID of the finding, if the watchlist decided. */
  readonly finding?: string | undefined;
  /** When the refusal ends, if known. */
  readonly until?: Date | undefined;
}

/** Returns the refusal of input that can't be judged. */
export function rejection({ code, message }: CountersignError, pack?: string): Refusal {
  return { decision: "deny", by: "input", rule: code, title: message, pack };
}

/** Returns the reason of a refusal to record. */
export function reasonFor({ by, rule, title = rule }: Refusal): string {
  return by === "input" ? `rejected: ${title}` : `refused by ${title}`;
}

/** The decision of a gate. */
export type Decision = { readonly decision: "allow" } | Refusal;

/** The response sent for a refused request. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** Returns the default response. It doesn't name the rule, which would help an attacker. */
export function defaultAnswer({ decision, by, until }: Refusal, now: number): Answer {
  if (decision === "challenge") {
    // RFC 9470: the authentication was not strong or recent enough.
    const challenge = 'Bearer error="insufficient_user_authentication"';
    return { status: 401, headers: { ...TEXT, "www-authenticate": challenge }, body: "Log in again.\n" };
  }
  if (by === "limit") {
    const seconds = Math.max(1, Math.ceil(((until?.getTime() ?? now) - now) / 1000));
    return { status: 429, headers: { ...TEXT, "retry-after": String(seconds) }, body: "Too many requests.\n" };
  }
  if (by === "input") {
    return { status: 400, headers: TEXT, body: "Bad request.\n" };
  }
  if (by === "failure") {
    return { status: 503, headers: { ...TEXT, "retry-after": "5" }, body: "Not available for now.\n" };
  }
  return { status: 403, headers: TEXT, body: "Forbidden.\n" };
}

/** A response from the option `respond`. Headers and body default to empty. */
export type OwnAnswer = Pick<Answer, "status"> & Partial<Answer>;

/** Validates a response from `respond`. An invalid one would be sent as if nothing had been refused. */
export function readAnswer(answer: OwnAnswer): Answer {
  const { status, headers = {}, body = "" } = ownFields(Object(answer), ["status", "headers", "body"]) as OwnAnswer;
  const isAnswer = Number.isInteger(status) && status >= 200 && status <= 599 && typeof body === "string";
  must(
    isAnswer,
    "respond",
    "`respond` must return a response",
    "return { status, headers, body } synchronously, not a Response or a Promise",
  );
  return { status, headers: Object.fromEntries(new Headers(headers)), body };
}

/** Returns the field `countersign` of a refused event (SPEC section 13, "Decisions"). */
export function decided({ decision, rule, pack, finding }: Refusal) {
  return { decision, rule, pack, finding };
}

/** The decision that allows a request. */
export const ALLOW: Decision = { decision: "allow" };
