/** The notice between the search and the rows: whether these are all events. */

import { html, nothing, type TemplateResult } from "lit";
import type { SearchResult, UnknownField } from "../../index/types.js";
import { percentOf } from "../parts/format.js";
import { icon } from "../parts/icons.js";
import { filled, sentenceView, value } from "../parts/value.js";
import { coversWholeLog } from "../session/facts.js";
import type { Texts } from "../texts/texts.js";
import { isAlarming } from "../verdict/alarm.js";
import type { SearchController } from "./search-controller.js";

/** Input of the notice. */
export interface Notice {
  readonly search: SearchController | undefined;
  /** True if the search in the box is invalid, so that the rows are those of the previous search. */
  readonly isInvalid: boolean;
  /** Replaces a field that no event has by another one. */
  readonly replace: (unknown: UnknownField, near: string) => void;
  /** True if the rows aren't in the order of the log. */
  readonly isSorted: boolean;
  /** True if nothing else on the page shows the number of events that are not listed. */
  readonly isAlone: boolean;
  readonly texts: Texts;
  readonly showAll: () => void;
}

/** Renders the notice. */
export function noticeView({ search, isInvalid, replace, isSorted, isAlone, texts, showAll }: Notice): TemplateResult {
  const { query, figures } = texts;
  const found = search?.found;
  if (search?.failure !== undefined) {
    const { code, message, phrases } = search.failure;
    const why = code === "source.unreadable" ? query.unreadable : sentenceView(message, phrases, texts, 400);
    return html`<p class="notice tone-bad" role="alert">${icon("fail")}<span>${why}</span></p>`;
  }
  if (search === undefined || found === undefined) {
    return html`<p class="notice">${search?.invalidPart === undefined ? nothing : query.refused}</p>`;
  }
  const { session, isBusy } = search;
  const { indexedShare } = session;
  const { isIndexIncomplete } = session;
  const { isFiltered } = found;
  const events = session.report?.counts.events ?? 0;
  // While a log is followed, rows may be ahead of the report, except after an alarm.
  const isFinal = session.phase === "done" || (session.report !== undefined && isAlarming(session.report));
  const unlisted = isFinal && isAlone ? events - found.of : 0;
  return html`
    <div class="notice ${isFiltered ? "tone-fair filtered" : ""}" part="notice" data-filtered=${isFiltered}>
      ${isFiltered ? icon("filter") : nothing}
      <p role="status" aria-live=${session.phase === "live" ? "off" : nothing} aria-busy=${isBusy || isIndexIncomplete}>
        ${isInvalid ? html`<strong class="plain tone-bad">${query.previous}</strong>` : nothing}
        ${isFiltered ? html`<strong class="plain">${query.filtered({ events: figures.count(found.events), of: figures.events(found.of) })}</strong>` : html`<span class="plain">${figures.events(found.events)}</span>`}
        ${isSorted && !(session.report && coversWholeLog(session.report)) ? html`<span class="faint plain">${query.sortedLoaded}</span>` : nothing}
        ${isIndexIncomplete ? html`<span class="faint plain">${query.soFar}</span>` : nothing}
        ${session.phase === "verifying" ? html`<strong class="plain provisional tone-doubt">${query.provisional}</strong>` : nothing}
        ${indexedShare === undefined ? nothing : html`<span class="plain indexing" aria-live="off">${query.indexing(percentOf(indexedShare))}</span>`}
        ${isFiltered && !isBusy ? remarksView(found, texts, replace) : nothing}
        ${isFiltered && found.unknown.withheld > 0 ? html`<span class="faint plain">${query.unknownWithheld(found.unknown.withheld)}</span>` : nothing}
        ${isFiltered && found.unknown.gaps > 0 ? html`<span class="faint plain">${query.unknownGaps(found.unknown.gaps)}</span>` : nothing}
        ${unlisted > 0 ? html`<span class="unlisted">${icon("warning")}<span class="plain">${query.unlisted(unlisted)}</span></span>` : nothing}
        ${isBusy && found.searched < found.of ? html`<span class="faint plain">${query.searching({ searched: figures.count(found.searched), of: figures.count(found.of) })}</span>` : nothing}
      </p>
      ${isFiltered ? html`<button type="button" class="quiet" @click=${showAll}>${query.showAll}</button>` : nothing}
    </div>
  `;
}

/** Renders notes on the result: fields that no event has, suggestions of parsed fields, and which time was used. */
export function remarksView(
  { unknownFields, conditions, asksTime, times }: SearchResult,
  texts: Texts,
  replace: Notice["replace"],
): TemplateResult {
  return html`
    ${unknownFields.map((unknown) => unknownView(unknown, texts, replace))}
    ${conditions.map(({ part, short }) => (short === undefined ? nothing : memberView(part, short, texts)))}
    ${asksTime ? html`<span class="told faint plain">${timeRemark(times, texts)}</span>` : nothing}
  `;
}

/** Returns which time was used: the events' own, or that of recording. */
function timeRemark({ own, recorded }: SearchResult["times"], { query, figures }: Texts): string {
  if (own === 0) {
    return query.recordedTime;
  }
  return recorded === 0
    ? query.ownTime
    : query.bothTimes({ own: figures.events(own), recorded: figures.count(recorded) });
}

function unknownView(unknown: UnknownField, { query }: Texts, replace: Notice["replace"]): TemplateResult {
  const { field, nearest } = unknown;
  const words = filled(query.unknownField, { field: html`<code>${value(field, 80)}</code>` });
  const choice = (near: string) => html`
    <button type="button" class="quiet nearest" @click=${() => replace(unknown, near)}><code>${value(near, 80)}</code></button>
  `;
  return html`
    <span class="told tone-doubt">
      <span class="plain">${words}</span>
      ${nearest.length === 0 ? nothing : html`<span class="plain">${query.nearest}</span> ${nearest.map(choice)}`}
    </span>
  `;
}

function memberView(part: string, short: string, { query }: Texts): TemplateResult {
  const slots = { part: html`<code>${value(part, 80)}</code>`, short: html`<code>${short}</code>` };
  return html`<span class="told tone-doubt"><span class="plain">${filled(query.ofMember, slots)}</span></span>`;
}
