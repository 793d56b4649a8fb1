import type { EventRow, Row } from "@countersign/ui/index/types.js";
import { filled } from "@countersign/ui/viewer/parts/value.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { PageTexts } from "../texts/en.ts";

/** Returns the first events of the current result, or the sampled events ordered by entry. */
export async function eventRows(
  { index }: Pick<Session, "index">,
  sample: readonly number[] | undefined,
  max: number,
): Promise<readonly EventRow[]> {
  if (sample === undefined) return (await index.rows(0, max, [])).filter(isEvent);
  const rows: EventRow[] = [];
  for (const entry of [...sample].sort((a, b) => a - b).slice(0, max)) {
    const line = await index.lineOf(entry);
    const at = line === undefined ? undefined : await index.rowOf(line);
    if (at !== undefined) rows.push(...(await index.rows(at, at + 1, [])).filter(isEvent));
  }
  return rows;
}

function isEvent(row: Row): row is EventRow {
  return row.kind === "event";
}

/** Returns the actor, for whom it acted, the action, and the target that an event states. */
export function saysOf({ parsed, own, begin }: EventRow, { viewer }: Pick<PageTexts, "viewer">): string {
  const facts = parsed ?? own;
  const named = (party: { readonly id?: string; readonly name?: string } | undefined) =>
    party?.name ?? party?.id;
  const [actor, person] = [named(facts?.actor), named(facts?.on_behalf_of)];
  const who =
    person === undefined
      ? actor
      : filled(viewer.rows.list.actorFor, { actor: actor ?? "…", person }).join("");
  const parts = [who, facts?.action, named(facts?.target)].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(" · ") : (begin ?? "");
}

/** Returns the outcome of an event; empty if it states none. */
export function outcomeOf({ parsed, own }: EventRow): string {
  const outcome = (parsed ?? own)?.outcome ?? "";
  return outcome === "not-stated" ? "" : outcome;
}
