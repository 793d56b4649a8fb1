/** What a gate decides, and what is answered. */

import { CountersignError, must } from "../error.js";
import { ownFields } from "../own.js";
import type { Actor, AuditEvent, HttpRequest } from "../record/event.js";

/** An event as far as it is known before it is done: of a request there is no status yet. */
export type EventToBe = Omit<AuditEvent, "http"> & { http?: Partial<HttpRequest> | undefined };

/** Throws where it does not say who or where as an event does: no rule, list or limit would know them. */
export function mustTell({ actor, tenant, context }: EventToBe): void {
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
    const hint = "give it at once, and as record takes it: an actor is { id }, a number or a Promise none";
    throw new CountersignError("event.invalid", `${member} must be a text`, { member, hint });
  }
}

/** What becomes of what is asked for: it goes on, whoever asks has to show anew who they are, or it is refused. */
export type Verdict = "allow" | "challenge" | "deny";

/** Why something does not go on. */
export interface Refusal {
  readonly decision: "challenge" | "deny";
  /**
   * What decided: a rule of the pack, the watchlist, a limit, or that the gate could not decide and is to fail closed.
   */
  readonly by: "rule" | "watchlist" | "limit" | "failure";
  /** The rule's id, the limit's name, or the code of what failed. */
  readonly rule: string;
  /** What the rule is called, where that is known. */
  readonly title?: string | undefined;
  /** The hash of the rule's pack, base64; nothing where it could not be read. */
  readonly pack?: string | undefined;
  /** The id of the finding, where the watchlist decided. */
  readonly finding?: string | undefined;
  /** When it is over, as far as that is known. */
  readonly until?: Date | undefined;
}

/** It goes on, or not. */
export type Decision = { readonly decision: "allow" } | Refusal;

/** What is answered in place of what was asked for. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** What is answered by default. It does not say which rule it was: that would help who tries. */
export function defaultAnswer({ decision, by, until }: Refusal, now: number): Answer {
  if (decision === "challenge") {
    // RFC 9470: what was shown of who it is does not suffice.
    const challenge = 'Bearer error="insufficient_user_authentication"';
    return { status: 401, headers: { ...TEXT, "www-authenticate": challenge }, body: "Log in again.\n" };
  }
  if (by === "limit") {
    const seconds = Math.max(1, Math.ceil(((until?.getTime() ?? now) - now) / 1000));
    return { status: 429, headers: { ...TEXT, "retry-after": String(seconds) }, body: "Too many requests.\n" };
  }
  if (by === "failure") {
    return { status: 503, headers: { ...TEXT, "retry-after": "5" }, body: "Not available for now.\n" };
  }
  return { status: 403, headers: TEXT, body: "Forbidden.\n" };
}

/** An answer of the program's own: without headers and a body, where it gives none. */
export type OwnAnswer = Pick<Answer, "status"> & Partial<Answer>;

/** Reads an answer of the program's own. What is none would be answered as if nothing had been refused. */
export function readAnswer(answer: OwnAnswer): Answer {
  const { status, headers = {}, body = "" } = ownFields(Object(answer), ["status", "headers", "body"]) as OwnAnswer;
  const isAnswer = Number.isInteger(status) && status >= 200 && status <= 599 && typeof body === "string";
  must(
    isAnswer,
    "respond",
    "what respond gave is no answer",
    "give { status, headers, body }, at once and no Response",
  );
  return { status, headers: Object.fromEntries(new Headers(headers)), body };
}

/** What an event says that was refused (SPEC section 13, "Decisions"). */
export function decided({ decision, rule, pack, finding }: Refusal) {
  return { decision, rule, pack, finding };
}

/** The name that the answers' decision has where there is none. */
export const ALLOW: Decision = { decision: "allow" };
