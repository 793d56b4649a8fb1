/** Maps the claims of an OAuth token to the actor and the person it acts for (RFC 8693, section 4.1). */

import { field } from "../own.js";
import type { Actor, Intermediary, OnBehalfOf } from "../record/event.js";
import { MAX_VIA } from "../record/on-behalf-of.js";

/** The claims of a verified access token that say who acts for whom. Other claims are ignored. */
export interface DelegationClaims {
  /** The person, or the program if the token is its own. */
  readonly sub?: unknown;
  /** The current actor, with the earlier ones nested in it. */
  readonly act?: unknown;
  /** The OAuth client. It is the actor if there is no `act`. */
  readonly client_id?: unknown;
  /** The client, as some authorization servers call it. */
  readonly azp?: unknown;
  readonly scope?: unknown;
  /** The token's ID. */
  readonly jti?: unknown;
}

/** The actor, and the person it acts for. */
export interface Delegation {
  readonly actor?: Actor | undefined;
  readonly on_behalf_of?: OnBehalfOf | undefined;
}

/**
 * Returns the actor and the person it acts for, as an event states them. The current actor of `act` is `actor`, or the
 * client if there is no `act`. `sub` is `on_behalf_of`, the token's ID (or without one, its scope) its `grant`, and
 * earlier actors are its `via`. Pass only claims of a token that you have verified.
 *
 * @example
 * ```ts
 * delegation({ sub: "u_1", act: { sub: "support-bot", act: { sub: "planner" } }, jti: "t_7" });
 * // { actor: { type: "agent", id: "support-bot" },
 * //   on_behalf_of: { type: "user", id: "u_1", grant: "t_7", via: [{ type: "agent", id: "planner" }] } }
 * ```
 */
export function delegation(claims: DelegationClaims): Delegation {
  const subject = text(field(claims, "sub"));
  const client = text(field(claims, "client_id")) ?? text(field(claims, "azp"));
  const [current, ...earlier] = actorsOf(field(claims, "act"));
  const actor = current ?? client;
  if (actor === undefined) {
    return { actor: subject === undefined ? undefined : { type: "user", id: subject } };
  }
  const agent: Actor = { type: "agent", id: actor };
  // With the client credentials grant, the client acts for itself.
  if (subject === undefined || subject === actor) {
    return { actor: agent };
  }
  const grant = text(field(claims, "jti")) ?? text(field(claims, "scope"));
  const via = earlier
    .reverse()
    .slice(0, MAX_VIA)
    .map((id): Intermediary => ({ type: "agent", id }));
  return {
    actor: agent,
    on_behalf_of: {
      type: "user",
      id: subject,
      ...(grant === undefined ? {} : { grant }),
      ...(via.length === 0 ? {} : { via }),
    },
  };
}

/** Maximum depth of nested `act` claims that are read. */
const MAX_ACTORS = 64;

/** Returns the actors of an `act` claim, the current one first. An actor without `sub` is its client. */
function actorsOf(claim: unknown): string[] {
  const actors: string[] = [];
  for (let at = claim, depth = 0; typeof at === "object" && at !== null && depth < MAX_ACTORS; depth++) {
    const actor = text(field(at, "sub")) ?? text(field(at, "client_id"));
    if (actor !== undefined) {
      actors.push(actor);
    }
    at = field(at, "act");
  }
  return actors;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
