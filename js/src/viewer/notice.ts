/** What stands between the search and the rows: whether they are all there is. */

import { html, nothing, type TemplateResult } from "lit";
import { isAlarming } from "./alarm.js";
import { icon } from "./icons.js";
import type { Looking } from "./looking.js";
import { toldView } from "./notice-told.js";
import { said } from "./said.js";
import type { Texts } from "./texts/texts.js";

/** What the notice is about. */
export interface Noticed {
  readonly looking: Looking | undefined;
  /** What is looked for. */
  readonly text: string;
  /** Looks for something else. */
  readonly look: (text: string) => void;
  /** Whether nothing else on the page says how many events are never listed. */
  readonly isAlone: boolean;
  readonly texts: Texts;
  readonly showAll: () => void;
}

/** The notice. */
export function noticeView({ looking, text, look, isAlone, texts, showAll }: Noticed): TemplateResult {
  const { query, figures } = texts;
  const found = looking?.found;
  if (looking?.failure !== undefined) {
    return html`<p class="notice tone-bad" role="alert">${icon("fail")}<span>${said(looking.failure.message, texts, 400)}</span></p>`;
  }
  if (looking === undefined || found === undefined) {
    return html`<p class="notice">${looking?.refusal === undefined ? nothing : query.refused}</p>`;
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
        ${isFiltered ? html`<strong class="plain">${query.filtered(figures.count(found.events), figures.events(found.of))}</strong>` : html`<span class="plain">${figures.events(found.events)}</span>`}
        ${session.phase === "verifying" ? html`<span class="faint plain">${query.soFar}</span>` : nothing}
        ${isFiltered && found.events === 0 && !isBusy ? html`<span class="plain">${query.nothing}</span>` : nothing}
        ${isFiltered && !isBusy ? toldView(found, text, texts, look) : nothing}
        ${isFiltered && found.unknown.withheld > 0 ? html`<span class="faint plain">${query.unknownWithheld(found.unknown.withheld)}</span>` : nothing}
        ${isFiltered && found.unknown.gaps > 0 ? html`<span class="faint plain">${query.unknownGaps(found.unknown.gaps)}</span>` : nothing}
        ${unlisted > 0 ? html`<span class="unlisted">${icon("warning")}<span class="plain">${query.unlisted(unlisted)}</span></span>` : nothing}
        ${isBusy && found.searched < found.of ? html`<span class="faint plain">${query.searching(figures.count(found.searched), figures.count(found.of))}</span>` : nothing}
      </p>
      ${isFiltered ? html`<button type="button" class="quiet" @click=${showAll}>${query.showAll}</button>` : nothing}
    </div>
  `;
}
