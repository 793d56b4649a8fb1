import type { EventIndex } from "@countersign/ui/index/types.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { conditionOf, type Question, queryOf, type SearchedName, searchedNames } from "./question.ts";

/**
 * Counts the events in which others, such as agents, acted for whom a question asks about, and which its answer leaves
 * out. 0 if the question names nobody who acted; undefined if the index can't tell without reading events.
 */
export async function countOnBehalf(
  question: Question,
  names: readonly SearchedName[],
  index: Pick<EventIndex, "count">,
): Promise<number | undefined> {
  const actors = conditionOf("who", names);
  if (actors === "" || question.behalf.trim() !== "") return 0;
  const represented = askOnBehalf(question);
  const query = queryOf(represented, await searchedNames(represented, index));
  return index.count(`${query} -${actors}`);
}

/** Returns the question about what others did for those about whom a question asks. */
function askOnBehalf<Asked extends Pick<Question, "who">>(question: Asked) {
  return { ...question, who: "", behalf: question.who };
}

/** Renders how many events others did for the person asked about. With `ask`, a button asks about them. */
export function onBehalfView(
  { question, onBehalf }: { readonly question: Pick<Question, "who">; readonly onBehalf: number | undefined },
  { evidence: { ask: t } }: PageTexts,
  ask?: (fields: Readonly<Partial<Record<keyof Question, string>>>) => void,
): TemplateResult | typeof nothing {
  if (onBehalf === 0) return nothing;
  const { who, behalf } = askOnBehalf(question);
  return html`
    <p class="ask-more" data-on-behalf=${onBehalf ?? "unknown"}>
      <span>${onBehalf === undefined ? t.onBehalf.unknown(behalf) : t.onBehalf.more(onBehalf, behalf)}</span>
      ${ask === undefined ? nothing : html`<button type="button" class="quiet" @click=${() => ask({ who, behalf })}>${t.onBehalf.ask}</button>`}
    </p>`;
}
