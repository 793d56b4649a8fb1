/** Checks the field `on_behalf_of` of an event (SPEC section 12). */

import type { CountersignError } from "../error.js";
import { field } from "../own.js";
import { copyOf, isFields } from "./fields.js";
import { invalid, type Report } from "./serialize.js";

/** Maximum number of agents between the person and the actor. */
export const MAX_VIA = 8;

const TYPES: readonly unknown[] = ["user", "service", "agent", "anonymous"];

/** Returns the event without an invalid `on_behalf_of`, which is reported. Returns the same object if it is valid. */
export function withValidPrincipal(event: unknown, report: Report): unknown {
  if (!isFields(event) || !Object.hasOwn(event, "on_behalf_of")) {
    return event;
  }
  let problem: CountersignError | undefined;
  try {
    problem = problemOf(field(event, "on_behalf_of") ?? undefined);
  } catch {
    // The serializer reads the field again and reports the error with its path.
  }
  if (problem === undefined) {
    return event;
  }
  report(problem);
  const rest = copyOf(event);
  delete rest.on_behalf_of;
  return rest;
}

function problemOf(principal: unknown): CountersignError | undefined {
  if (principal === undefined) {
    return undefined;
  }
  const via = isFields(principal) ? (field(principal, "via") ?? undefined) : undefined;
  if (via !== undefined && (!Array.isArray(via) || via.length > MAX_VIA)) {
    const hint = "list the agents between the person and the actor, the one nearest to the person first";
    return invalid(`on_behalf_of.via must be an array of at most ${MAX_VIA} agents`, hint, "on_behalf_of.via");
  }
  return (
    principalProblem(principal, "on_behalf_of", ["name", "grant"]) ??
    (via ?? [])
      .map((agent, nth) => principalProblem(agent, `on_behalf_of.via.${nth}`, ["name"]))
      .find((problem) => problem !== undefined)
  );
}

function principalProblem(given: unknown, path: string, texts: readonly string[]): CountersignError | undefined {
  const hint = 'pass { type: "user", id: "u_1" }';
  if (!isFields(given)) {
    return invalid(`${path} must be an object`, hint, path);
  }
  for (const name of ["id", ...texts]) {
    const value = field(given, name) ?? undefined;
    if ((name === "id" || value !== undefined) && (typeof value !== "string" || value === "")) {
      return invalid(`${path}.${name} must be a string that is not empty`, hint, `${path}.${name}`);
    }
  }
  const type = field(given, "type") ?? undefined;
  return type === undefined || TYPES.includes(type)
    ? undefined
    : invalid(`${path}.type must be "user", "service", "agent", or "anonymous"`, hint, `${path}.type`);
}
