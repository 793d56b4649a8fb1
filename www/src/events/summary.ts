import { type Json, member, parseJson, scalar } from "./json.ts";

/** What a row of the list says of an event, in the members of SPEC section 12; an event may have none of them. */
export interface Summary {
  readonly action: string | undefined;
  readonly actor: Party | undefined;
  readonly target: Party | undefined;
  readonly outcome: string | undefined;
}

/** An actor or a target. */
export interface Party {
  readonly id: string;
  readonly name: string | undefined;
  readonly type: string | undefined;
}

/** Summarises an event's text. */
export function summarise(text: string): Summary {
  let event: Json | undefined;
  try {
    event = parseJson(text);
  } catch {
    // The verifier hands out JSON objects alone; what this page cannot read it shows as text.
  }
  return {
    action: scalar(member(event, "action")),
    actor: party(member(event, "actor")),
    target: party(member(event, "target")),
    outcome: scalar(member(event, "outcome")),
  };
}

function party(json: Json | undefined): Party | undefined {
  const id = scalar(json) ?? scalar(member(json, "id"));
  if (id === undefined) return undefined;
  return { id, name: scalar(member(json, "name")), type: scalar(member(json, "type")) };
}
