/** Parts of a finding's presentation. */

import { html, nothing, type TemplateResult } from "lit";
import type { Finding, Level } from "../../analyze/types.js";
import type { EventIndex } from "../../index/types.js";
import { moment, type Zone } from "../parts/format.js";
import { LEVEL_LOOKS, stateView } from "../parts/icons.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";

/** Number of a subject's values shown. */
const MAX_VALUES = 3;

/** Renders a finding's severity as a word. */
export function levelView(level: Level, { found }: Texts): TemplateResult {
  return stateView(LEVEL_LOOKS[level], found.levels[level]);
}

/** Renders the subject of a finding: the values of its group. */
export function subjectView({ group, reasons }: Finding): unknown {
  const values = Object.values(group);
  return valuesView(
    values.length > 0 ? values : reasons.filter(({ field }) => field !== "parsed.as").map(({ value }) => value),
  );
}

/** Renders the first values of a subject. */
export function valuesView(values: readonly string[]): unknown {
  return values.slice(0, MAX_VALUES).map((one, place) => html`${place > 0 ? ", " : nothing}${value(one, 80)}`);
}

/** Returns the target of the event at an entry; undefined if it states none, or if the current search leaves it out. */
export async function targetOf(
  index: Pick<EventIndex, "lineOf" | "rowOf" | "rows">,
  entry: number,
): Promise<string | undefined> {
  const line = await index.lineOf(entry);
  const at = line === undefined ? undefined : await index.rowOf(line);
  const [row] = at === undefined ? [] : await index.rows(at, at + 1, []);
  if (row?.kind !== "event" || row.index !== entry) {
    return undefined;
  }
  const { target } = row.parsed ?? row.own ?? {};
  return target?.name ?? target?.id;
}

/** Renders the period of a finding. */
export function periodView({ first, last }: Pick<Finding, "first" | "last">, zone: Zone): TemplateResult {
  const time = (at: string) => html`<time datetime=${at}>${moment(at, zone)}</time>`;
  return first === last ? time(first) : html`${time(first)} – ${time(last)}`;
}
