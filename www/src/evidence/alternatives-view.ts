import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import type { AlternativeNames, NameCount, OtherOccurrence, PresentName } from "./alternatives.ts";
import { isAskable } from "./askable.ts";
import type { Answer } from "./asked.ts";
import type { Question } from "./question.ts";

/** Maximum number of names listed. */
const MAX_NAMES = 12;
/** If there are at least as many parties, the frequent ones say nothing about the one that was asked about. */
const MANY_PARTIES = 10;

/**
 * Renders what the events have instead of what was asked about. With `ask`, each is a button that asks about it. Without
 * it, as on paper, similar names aren't suggested.
 */
export function alternativesView(
  { alternatives, question, names }: Pick<Answer, "alternatives" | "question" | "names">,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
  ask?: (fields: Readonly<Partial<Record<keyof Question, string>>>) => void,
): TemplateResult | typeof nothing {
  if (alternatives === undefined) return nothing;
  const { events, isOfActor, present, misplaced, elsewhere } = alternatives;
  const { count } = figures;
  const hasDays = question.from !== "" || question.until !== "";
  const [actor] = isOfActor ? names.filter(({ part }) => part === "who") : [];
  const nameView = (part: AlternativeNames["part"], { id, label, events }: NameCount) =>
    html`<li>${ask !== undefined && isAskable(part, id) ? html`<button type="button" class="quiet" @click=${() => ask({ [part]: id })}>${value(label, 100)}</button>` : value(label, 100)} <span class="faint">(${count(events)})</span></li>`;
  const listView = ({ part, similar: found, frequent, more }: AlternativeNames) => {
    const similar = ask === undefined ? [] : found;
    const isRelevant = part === "actions" || frequent.length + more < MANY_PARTIES;
    const listed = isRelevant ? frequent.slice(0, MAX_NAMES) : [];
    const rest = frequent.length - listed.length + more;
    return html`
      ${similar.length === 0 ? nothing : html`<div class="ask-names" data-similar=${part}><p>${t.similar}</p><ul>${similar.map((name) => nameView(part, name))}</ul></div>`}
      ${
        listed.length === 0
          ? nothing
          : html`
            <div class="ask-names" data-frequent=${part}>
              <p>${t.frequent({ kind: t.kinds[part], actor: actor?.name, hasDays, hasOthers: similar.length > 0 })}</p>
              <ul>${listed.map((name) => nameView(part, name))}${rest > 0 ? html`<li class="faint">${t.moreNames(count(rest))}</li>` : nothing}</ul>
            </div>`
      }`;
  };
  return html`
    ${present.map((one) => presentView(one, t))}
    ${misplaced.map(
      ({ name, from, to, events }) => html`
        <p class="ask-more" data-misplaced=${to}><span>${t.misplaced[to](name, events)}</span>
          ${ask !== undefined && question[to].trim() === "" ? html`<button type="button" class="quiet" @click=${() => ask({ [from]: "", [to]: name })}>${t.askMisplaced[to]}</button>` : nothing}</p>`,
    )}
    ${elsewhere.map((one) => elsewhereView(one, ask !== undefined, t))}
    ${alternatives.names.map(listView)}
    ${events === 0 && hasDays ? html`<p class="ask-more" data-no-day><span>${t.noDay}</span></p>` : nothing}
  `;
}

/** Renders how many events have an action that was asked about, although none of them answers the question. */
export function presentView(
  { name: { name, match }, events, byOthers, onDays }: PresentName,
  t: PageTexts["evidence"]["ask"],
): TemplateResult {
  const words = t.present.action({
    name: inSentence(name, 300),
    isWhole: match === "whole",
    events,
    byOthers,
  });
  return html`<p class="ask-more" data-present=${events}><span>${words}${onDays === undefined ? nothing : ` ${t.present.onDays(onDays)}`}</span></p>`;
}

/** Renders how many events contain a name in other fields. If `opens`, a button dispatches `show-search`. */
export function elsewhereView(
  { name, query, events }: OtherOccurrence,
  opens: boolean,
  t: PageTexts["evidence"]["ask"],
): TemplateResult {
  return html`
    <p class="ask-more" data-elsewhere=${events}><span>${t.elsewhere(inSentence(name), events)}</span>
      ${opens ? html`<button type="button" class="quiet" @click=${emits("show-search", query)}>${t.showElsewhere(events)}</button>` : nothing}</p>`;
}
