import type { EventRow, Party as ReadParty } from "../../index/types.js";

/** Facts of an event, as a list shows them. */
export type Summary = ReturnType<typeof summaryOf>;

/** An actor, the party for whom it acted, or a target. */
export type Party = NonNullable<ReturnType<typeof party>>;

/** Outcome that parsers set if an event states none. */
export const NOT_STATED = "not-stated";

/**
 * Returns the facts that a row shows: those of the parser named in `as`, or the fields of SPEC section 12 if no
 * parser matches. Any of them may be missing. The outcome is undefined if the event states none.
 */
export function summaryOf({ parsed, own }: Pick<EventRow, "parsed" | "own">) {
  const { action, actor, on_behalf_of: person, target, address, outcome } = parsed ?? { outcome: undefined, ...own };
  return {
    as: parsed?.as,
    action,
    actor: actor && party(actor),
    for: person && party(person),
    target: target && party(target),
    address,
    outcome: outcome === NOT_STATED ? undefined : outcome,
    reason: parsed?.reason,
  };
}

/** Shows the name or type of a party without an identifier. */
function party({ id, name, type }: ReadParty) {
  const known = id ?? name ?? type;
  return known === undefined ? undefined : { id: known, name: id === undefined ? undefined : name, type };
}
