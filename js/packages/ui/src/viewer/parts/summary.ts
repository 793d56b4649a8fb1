import type { EventRow, Party as ReadParty } from "../../index/types.js";

/** What is said of an event. */
export type Summary = ReturnType<typeof summaryOf>;

/** An actor or a target. */
export type Party = NonNullable<ReturnType<typeof party>>;

/** How parsers say that an event states no outcome. */
export const NOT_STATED = "not-stated";

/**
 * What a row of the list says of an event: what its parser, which `as` names, made of it, or, of an event of no known
 * shape, the members of SPEC section 12; it may have none of them. The outcome is undefined where none is stated.
 */
export function summaryOf({ read, own }: Pick<EventRow, "read" | "own">) {
  const { action, actor, target, address, outcome } = read ?? { outcome: undefined, ...own };
  return {
    as: read?.as,
    action,
    actor: actor && party(actor),
    target: target && party(target),
    address,
    outcome: outcome === NOT_STATED ? undefined : outcome,
    reason: read?.reason,
  };
}

/** Of what has no identifier the name, or the type, is shown. */
function party({ id, name, type }: ReadParty) {
  const known = id ?? name ?? type;
  return known === undefined ? undefined : { id: known, name: id === undefined ? undefined : name, type };
}
