import type { EventIndex, EventRow, Json } from "@countersign/ui/index/types.js";
import { type Change, difference } from "@countersign/ui/viewer/drawer/diff.js";
import { member, written } from "@countersign/ui/viewer/parts/json-view.js";

/** Maximum number of changes shown for an event. */
const MAX_CHANGES = 3;

/** The changes that an event states: the first ones, and how many more there are. */
export interface EventChanges {
  readonly changes: readonly Change[];
  readonly more: number;
}

/**
 * Reads the changes of events, by their lines; only of those that state the content before and after. Stops as soon as
 * `isCurrent` returns false.
 */
export async function readChanges(
  index: Pick<EventIndex, "row">,
  rows: readonly EventRow[],
  isCurrent: () => boolean = () => true,
): Promise<ReadonlyMap<number, EventChanges>> {
  const found = new Map<number, EventChanges>();
  for (const row of rows) {
    if (!isCurrent()) break;
    const whole = await index.row(0, row);
    const changes = whole?.kind === "event" ? changesOf(whole.tree) : [];
    if (changes.length > 0)
      found.set(row.line, {
        changes: changes.slice(0, MAX_CHANGES),
        more: Math.max(0, changes.length - MAX_CHANGES),
      });
  }
  return found;
}

function changesOf(event: Json | undefined): readonly Change[] {
  const [before, after] = [member(event, "before"), member(event, "after")];
  return before === undefined || after === undefined ? [] : difference(before, after).changes;
}

/** Returns a value as text: a string without quotes, anything else as written. */
export function textOf(json: Json): string {
  return json.kind === "string" ? json.value : written(json);
}
