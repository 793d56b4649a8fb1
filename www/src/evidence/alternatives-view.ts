import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { AlternativeNames, NameCount } from "./alternatives.ts";
import { isAskable } from "./askable.ts";
import type { Answer } from "./asked.ts";
import type { Question } from "./question.ts";

/** Maximum number of names listed. */
const MAX_NAMES = 12;
/** If there are at least as many parties, the frequent ones say nothing about the one that was asked about. */
const MANY_PARTIES = 10;

/** Renders what the events have instead of what was asked about, each as a button that asks about it. */
export function alternativesView(
  { alternatives, question, names }: Pick<Answer, "alternatives" | "question" | "names">,
  ask: (fields: Readonly<Partial<Record<keyof Question, string>>>) => void,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
): TemplateResult | typeof nothing {
  if (alternatives === undefined) return nothing;
  const { events, isOfActor, misplaced } = alternatives;
  const { count } = figures;
  const hasDays = question.from !== "" || question.until !== "";
  const [actor] = isOfActor ? names.filter(({ part }) => part === "who") : [];
  const nameView = (part: AlternativeNames["part"], { id, label, events }: NameCount) =>
    html`<li>${isAskable(part, id) ? html`<button type="button" class="quiet" @click=${() => ask({ [part]: id })}>${value(label, 100)}</button>` : value(label, 100)} <span class="faint">(${count(events)})</span></li>`;
  const listView = ({ part, similar, frequent, more }: AlternativeNames) => {
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
    ${misplaced.map(
      ({ name, from, to, events }) => html`
        <p class="ask-more" data-misplaced=${to}><span>${t.misplaced[to](name, events)}</span>
          ${question[to].trim() === "" ? html`<button type="button" class="quiet" @click=${() => ask({ [from]: "", [to]: name })}>${t.askMisplaced[to]}</button>` : nothing}</p>`,
    )}
    ${alternatives.names.map(listView)}
    ${events === 0 && hasDays ? html`<p class="ask-more" data-no-day><span>${t.noDay}</span></p>` : nothing}
  `;
}
