/** Looks up verified events by their entries, to name the people and sources that tables list by identifiers. */

import type { EventFacts, EventIndex, EventRow, Party } from "@countersign/ui/index/types.js";

/** The mark at the end of a string that the index cut. */
const CUT = "…";

/** Looks up events. Undefined values are entries that have no event here. */
export async function lookUp(
  index: EventIndex,
  entries: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, EventRow>> {
  const found = new Map<number, EventRow>();
  if (entries.length === 0) return found;
  await index.ask("", { by: "place", descending: false }, () => {});
  for (const entry of new Set(entries)) {
    if (signal.aborted) break;
    const line = await index.lineOf(entry);
    const at = line === undefined ? undefined : await index.rowOf(line);
    const [row] = at === undefined ? [] : await index.rows(at, at + 1, []);
    // Another search may have replaced the result in the meantime.
    if (row?.kind === "event" && row.index === entry) found.set(entry, row);
  }
  return found;
}

/** Returns the facts of an event, from its parser if there is one. */
export function factsOf({ parsed, own }: EventRow): Partial<EventFacts> | undefined {
  return parsed ?? own;
}

/** Returns the name of the parser of an event. */
export function parserOf({ parsed }: EventRow): string {
  return parsed?.as ?? "countersign";
}

/** Returns the name of an event's actor if this is the actor's id; undefined without another name. */
export function nameOf(row: EventRow | undefined, id: string): string | undefined {
  const actor = row && factsOf(row)?.actor;
  return actor !== undefined && isParty(actor, id) && actor.name !== id ? actor.name : undefined;
}

/** True if a party has this id, which may have its type before it. */
function isParty({ id, type }: Party, wanted: string): boolean {
  if (id === undefined) return false;
  return [id, `${type ?? "user"}:${id}`].some((known) =>
    known.endsWith(CUT) ? wanted.startsWith(known.slice(0, -CUT.length)) : known === wanted,
  );
}
