/** What stands between the search and the rows: whether they are all there is. */

import { html, nothing, type TemplateResult } from "lit";
import type { Found, UnknownField } from "../../index/types.js";
import { icon } from "../parts/icons.js";
import { filled, said, value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { isAlarming } from "../verdict/alarm.js";
import type { Looking } from "./looking.js";

/** What the notice is about. */
export interface Noticed {
  readonly looking: Looking | undefined;
  /** Whether the search in the box is refused: the rows are then those of the search before it. */
  readonly isMisread: boolean;
  /** Looks for another field in place of one that no event has. */
  readonly replace: (unknown: UnknownField, near: string) => void;
  /** Whether nothing else on the page says how many events are never listed. */
  readonly isAlone: boolean;
  readonly texts: Texts;
  readonly showAll: () => void;
}

/** The notice. */
export function noticeView({ looking, isMisread, replace, isAlone, texts, showAll }: Noticed): TemplateResult {
  const { query, figures } = texts;
  const found = looking?.found;
  if (looking?.failure !== undefined) {
    const { code, message, phrases } = looking.failure;
    const why = code === "source.unreadable" ? query.unreadable : said(message, phrases, texts, 400);
    return html`<p class="notice tone-bad" role="alert">${icon("fail")}<span>${why}</span></p>`;
  }
  if (looking === undefined || found === undefined) {
    return html`<p class="notice">${looking?.misread === undefined ? nothing : query.refused}</p>`;
  }
  const { session, isBusy } = looking;
  const { isFiltered } = found;
  const events = session.report?.counts.events ?? 0;
  // While a log is followed, rows may be ahead of its report: but not once it raised the alarm.
  const isFinal = session.phase === "done" || (session.report !== undefined && isAlarming(session.report));
  const unlisted = isFinal && isAlone ? events - found.of : 0;
  return html`
    <div class="notice ${isFiltered ? "tone-fair filtered" : ""}" part="notice" data-filtered=${isFiltered}>
      ${isFiltered ? icon("filter") : nothing}
      <p role="status" aria-live=${session.phase === "live" ? "off" : nothing} aria-busy=${isBusy || session.phase === "verifying"}>
        ${isMisread ? html`<strong class="plain tone-bad">${query.previous}</strong>` : nothing}
        ${isFiltered ? html`<strong class="plain">${query.filtered(figures.count(found.events), figures.events(found.of))}</strong>` : html`<span class="plain">${figures.events(found.events)}</span>`}
        ${session.phase === "verifying" ? html`<span class="faint plain">${query.soFar}</span>` : nothing}
        ${isFiltered && !isBusy ? toldView(found, texts, replace) : nothing}
        ${isFiltered && found.unknown.withheld > 0 ? html`<span class="faint plain">${query.unknownWithheld(found.unknown.withheld)}</span>` : nothing}
        ${isFiltered && found.unknown.gaps > 0 ? html`<span class="faint plain">${query.unknownGaps(found.unknown.gaps)}</span>` : nothing}
        ${unlisted > 0 ? html`<span class="unlisted">${icon("warning")}<span class="plain">${query.unlisted(unlisted)}</span></span>` : nothing}
        ${isBusy && found.searched < found.of ? html`<span class="faint plain">${query.searching(figures.count(found.searched), figures.count(found.of))}</span>` : nothing}
      </p>
      ${isFiltered ? html`<button type="button" class="quiet" @click=${showAll}>${query.showAll}</button>` : nothing}
    </div>
  `;
}

/** Fields that no event has, members in the place of what parsers find, and whose time counted. */
export function toldView(
  { unknownFields, conditions, asksTime, times }: Found,
  texts: Texts,
  replace: Noticed["replace"],
): TemplateResult {
  return html`
    ${unknownFields.map((unknown) => unknownView(unknown, texts, replace))}
    ${conditions.map(({ part, short }) => (short === undefined ? nothing : memberView(part, short, texts)))}
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

function unknownView(unknown: UnknownField, { query }: Texts, replace: Noticed["replace"]): TemplateResult {
  const { field, nearest } = unknown;
  const said = filled(query.unknownField, { field: html`<code>${value(field, 80)}</code>` });
  const choice = (near: string) => html`
    <button type="button" class="quiet nearest" @click=${() => replace(unknown, near)}><code>${value(near, 80)}</code></button>
  `;
  return html`
    <span class="told tone-doubt">
      <span class="plain">${said}</span>
      ${nearest.length === 0 ? nothing : html`<span class="plain">${query.nearest}</span> ${nearest.map(choice)}`}
    </span>
  `;
}

function memberView(part: string, short: string, { query }: Texts): TemplateResult {
  const slots = { part: html`<code>${value(part, 80)}</code>`, short: html`<code>${short}</code>` };
  return html`<span class="told tone-doubt"><span class="plain">${filled(query.ofMember, slots)}</span></span>`;
}
