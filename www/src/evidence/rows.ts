import type { EventRow, Row } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";

/** Events of the newest answer, from the first on; of a sample, those that were drawn, by entry. */
export async function eventRows(
  { index }: Session,
  sample: readonly number[] | undefined,
  most: number,
): Promise<readonly EventRow[]> {
  if (sample === undefined) return (await index.rows(0, most, [])).filter(isEvent);
  const rows: EventRow[] = [];
  for (const entry of [...sample].sort((one, other) => one - other).slice(0, most)) {
    const line = await index.lineOf(entry);
    const at = line === undefined ? undefined : await index.rowOf(line);
    if (at !== undefined) rows.push(...(await index.rows(at, at + 1, [])).filter(isEvent));
  }
  return rows;
}

function isEvent(row: Row): row is EventRow {
  return row.kind === "event";
}

/** Who, what and to what, as far as an event says so. */
export function saysOf({ read, own, begin }: EventRow): string {
  const said = read ?? own;
  const named = (party: { readonly id?: string; readonly name?: string } | undefined) =>
    party?.name ?? party?.id;
  const parts = [named(said?.actor), said?.action, named(said?.target)].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(" · ") : (begin ?? "");
}

/** How it ended, where it is said. */
export function outcomeOf({ read, own }: EventRow): string {
  const outcome = (read ?? own)?.outcome ?? "";
  return outcome === "not-stated" ? "" : outcome;
}
