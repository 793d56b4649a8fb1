import type { EventRow } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import type { PageTexts } from "../texts/en.ts";
import { answerBasis } from "./answer.ts";
import { basisView, selectedWords } from "./answer-view.ts";
import { detectionsView, rulesQuestion } from "./detections-view.ts";
import type { Filed } from "./filed.ts";
import type { Frame } from "./frame.ts";
import { rowsView } from "./rows-view.ts";

/** Maximum number of events listed in a case. */
const MAX_LISTED = 20;

/** Facts that this page knows about an evidence file by now. */
export interface ShownCase {
  /** The first selected events. */
  readonly rows: readonly EventRow[] | undefined;
  /** The report on the export in the file, by the keys that the reader trusts. */
  readonly report: Report | undefined;
}

/** Renders the case: the question, the answer and who vouches for it, the verdict, who examined it, and the events. */
export function caseView(filed: Filed, shown: ShownCase, t: PageTexts): TemplateResult {
  const { frame, why } = filed;
  const texts = t.evidence.filed;
  const { word, says } = verdictWords({ report: frame.report, phrases: {}, why }, t.viewer);
  const { figures } = t.viewer;
  const fact = (name: string, content: unknown) => html`<div><dt>${name}</dt><dd>${content}</dd></div>`;
  const verdict = html`<strong>${word}</strong> ${value(says, 2000)}`;
  // All events of an export are no answer, and are on the Events tab.
  const isShown = frame.detections !== null || (frame.query === null && frame.slice === null);
  const listed = isShown ? [] : (shown.rows?.slice(0, MAX_LISTED) ?? []);
  return html`
    <h2 id="filed-heading" tabindex="-1">${questionView(frame, t)}</h2>
    ${answerView(filed, shown.report, t)}
    <dl class="facts case-facts">
      ${frame.reference === "" ? nothing : fact(texts.reference, value(frame.reference, 1000))}
      ${frame.examiner === "" ? nothing : fact(texts.examiner, value(frame.examiner, 1000))}
      ${fact(texts.examinedAt, moment(frame.time))}
      ${frame.slice === null ? fact(texts.verdict, verdict) : nothing}
      ${fact(texts.file, html`${value(frame.file.name)}, ${figures.bytes(frame.file.size)}<br />SHA-256 <code class="hash">${frame.file.sha256}</code>`)}
    </dl>
    ${frame.slice === null ? nothing : html`<p><span>${texts.whole} ${verdict} ${texts.wholeAbout}</span></p>`}
    ${
      listed.length === 0
        ? nothing
        : html`
          ${frame.scope.events > listed.length ? html`<p class="help">${t.evidence.ask.first(figures.count(listed.length), figures.events(frame.scope.events))}</p>` : nothing}
          <div class="filed-table" tabindex="0">${rowsView(listed, t)}</div>`
    }
  `;
}

/** Renders the question: the query, the rules, or that all events were selected. */
function questionView({ query, scope, detections }: Frame, t: PageTexts): TemplateResult {
  if (detections !== null) return rulesQuestion(detections, t);
  if (query === null) return html`${t.evidence.filed.allOf(t.viewer.figures.events(scope.events))}`;
  return html`${t.evidence.ask.query} <code dir="ltr">${value(query, 4000)}</code>`;
}

/**
 * Renders the answer of a report with a query or rules, and who vouches for it. `report` is this page's own on the
 * export in the file, if it is known by now.
 */
export function answerView(
  { frame, isOwnRules }: Pick<Filed, "frame" | "isOwnRules">,
  report: Report | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (frame.detections !== null) return detectionsView(frame, frame.detections, report, isOwnRules, t);
  const { examined, events } = frame.scope;
  if (examined === null) return nothing;
  const texts = t.evidence.filed;
  const isContained = frame.slice === null;
  return html`
    <p class="case-answer"><strong>${selectedWords(events, examined.events, t)}</strong></p>
    ${
      isContained
        ? html`<p class="basis tone-good" data-vouched="contained">${icon("pass")}<span>${texts.contained(t.viewer.figures.events(examined.events))}</span></p>`
        : html`<p class="basis tone-doubt" data-vouched="stated">${icon("warning")}<span>${texts.stated}</span></p>`
    }
    ${basisView(answerBasis((isContained ? report : undefined) ?? frame.report, examined, "", frame.scope.range), t, !isContained)}
  `;
}
