import type { EventRow, Party as ReadParty } from "../index/types.js";

/**
 * What a row of the list says of an event: what its reading made of it, or, of an event of no known shape, the members
 * of SPEC section 12; it may have none of them.
 */
export interface Summary {
  /** The reading's name. */
  readonly as?: string | undefined;
  readonly action: string | undefined;
  readonly actor: Party | undefined;
  readonly target: Party | undefined;
  readonly address?: string | undefined;
  /** Undefined where none is stated. */
  readonly outcome: string | undefined;
  readonly reason?: string | undefined;
}

/** An actor or a target. */
export interface Party {
  readonly id: string;
  readonly name: string | undefined;
  readonly type: string | undefined;
}

/** How readings say that an event states no outcome. */
export const NOT_STATED = "not-stated";

/** Summarises an event. */
export function summaryOf({ read, own }: Pick<EventRow, "read" | "own">): Summary {
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
function party({ id, name, type }: ReadParty): Party | undefined {
  const known = id ?? name ?? type;
  return known === undefined ? undefined : { id: known, name: id === undefined ? undefined : name, type };
}
