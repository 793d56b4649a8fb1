/** What must be said of an answer, so that "nothing found" is no lie. */

import { html, nothing, type TemplateResult } from "lit";
import type { Found, Left, UnknownField } from "../index/types.js";
import type { Texts } from "./texts/texts.js";
import { filled, value } from "./value.js";

/** Fields that no event has, and, where nothing was found, how many events each condition leaves. */
export function toldView(
  { unknownFields, conditions, steps, events, asksTime, times }: Found,
  text: string,
  texts: Texts,
  look: (text: string) => void,
): TemplateResult {
  // Of a single condition it is known already.
  const left = steps.length > 1 ? steps : conditions.length > 1 ? conditions : [];
  return html`
    ${unknownFields.map((unknown) => unknownView(unknown, text, texts, look))}
    ${events === 0 && left.length > 0 ? leftView(left, left === steps, texts) : nothing}
    ${asksTime ? html`<span class="told faint plain">${whose(times, texts)}</span>` : nothing}
  `;
}

/** Whose time counted where it is asked when something happened. */
function whose({ own, recorded }: Found["times"], { query, figures }: Texts): string {
  if (own === 0) {
    return query.recordedTime;
  }
  return recorded === 0 ? query.ownTime : query.bothTimes(figures.events(own), figures.count(recorded));
}

function unknownView(
  { field, nearest, at }: UnknownField,
  text: string,
  { query }: Texts,
  look: (text: string) => void,
): TemplateResult {
  const said = filled(query.unknownField, { field: html`<code>${value(field, 80)}</code>` });
  const choice = (near: string) => html`
    <button type="button" class="quiet nearest" @click=${() => look(replaced(text, at, field, near))}><code>${value(near, 80)}</code></button>
  `;
  return html`
    <span class="told tone-doubt">
      <span class="plain">${said}</span>
      ${nearest.length === 0 ? nothing : html`<span class="plain">${query.nearest}</span> ${nearest.map(choice)}`}
    </span>
  `;
}

function leftView(left: readonly Left[], isStepwise: boolean, { query, figures }: Texts): TemplateResult {
  return html`
    <span class="told left">
      <span class="plain">${isStepwise ? query.leftStepwise : query.leftAlone}</span>
      ${left.map(({ part, events }) => html`<span class="left-part"><code dir="ltr">${value(part, 120)}</code> <span class="faint">${figures.count(events)}</span></span>`)}
    </span>
  `;
}

/** The query with another field in a condition. */
function replaced(text: string, [begin, end]: UnknownField["at"], field: string, near: string): string {
  const place = text.indexOf(field, begin);
  const isThere = place >= begin && place + field.length <= end;
  return isThere ? `${text.slice(0, place)}${near}${text.slice(place + field.length)}` : text;
}
