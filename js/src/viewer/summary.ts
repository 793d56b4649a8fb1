import { type Json, member, scalar, written } from "./json-view.js";

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

/** Summarises an event. */
export function summarise(event: Json | undefined): Summary {
  return {
    action: told(member(event, "action")),
    actor: party(member(event, "actor")),
    target: party(member(event, "target")),
    outcome: told(member(event, "outcome")),
  };
}

/** A value as text; one that should be a string and is not is not passed over. */
function told(json: Json | undefined): string | undefined {
  return scalar(json) ?? (json && written(json));
}

function party(json: Json | undefined): Party | undefined {
  const id = told(member(json, "id") ?? json);
  if (id === undefined) return undefined;
  return { id, name: scalar(member(json, "name")), type: scalar(member(json, "type")) };
}
