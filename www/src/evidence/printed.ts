import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence, moment } from "../core-sentence.ts";
import type { PageTexts } from "../texts/en.ts";
import { changesView } from "./answer-changes-view.ts";
import { delaysView } from "./answer-notes.ts";
import { delayView } from "./answer-rows.ts";
import { outcomeWords } from "./answer-sentence.ts";
import { basisView, selectedWords } from "./answer-view.ts";
import { printedAnswer } from "./asked-view.ts";
import { answerView } from "./case-view.ts";
import { claimsView } from "./claims-view.ts";
import { dayText } from "./day-text.ts";
import type { Filed } from "./filed.ts";
import { sampleView } from "./filed-view.ts";
import type { Frame } from "./frame.ts";
import { subjectOf, subjectView } from "./frame-subject.ts";
import { outsideDaysView } from "./outside-days.ts";
import type { OwnCheck } from "./own-check.ts";
import type { PrintedEvidence } from "./print-preparation.ts";
import { parseQuestion } from "./question-terms.ts";
import { questionWords } from "./question-view.ts";
import { outcomeOf, saysOf } from "./rows.ts";

/** Maximum length of a reference on paper, in UTF-16 units. */
const MAX_WORDS = 1000;

/** Renders the first printed page: the case, the events, the file, and the examiner. */
export function printedWords(
  evidence: PrintedEvidence | undefined,
  filed: Filed | undefined,
  check: OwnCheck,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (evidence === undefined && filed === undefined) return nothing;
  const words = t.evidence.filed;
  const { paper } = t.evidence;
  const { events } = t.viewer.figures;
  const row = (name: string, is: unknown) => html`<dt>${name}</dt><dd>${is}</dd>`;
  const text = (name: string, content: string) =>
    content === "" ? nothing : row(name, value(content, MAX_WORDS));
  const { reference = "", examiner = "" } = evidence ?? {};
  const { frame } = filed ?? {};
  return html`
    <dl class="paper-facts paper-words">
      ${
        frame === undefined || filed === undefined
          ? html`${askedRows(evidence, t)}${text(words.reference, reference)}${text(words.examiner, examiner)}${searchRows(evidence, paper.filter, t)}`
          : html`
            ${row(words.question, html`<strong>${dayText(questionWords(frame, t))}</strong>`)}
            ${text(words.reference, frame.reference)}
            ${text(words.examiner, frame.examiner)}
            ${subjectRow(frame, t, true)}
            ${row(words.answer, answerView(filed, { check, opensEvents: false }, t))}
            ${row(words.selected, frame.scope.sample === null ? events(frame.scope.events) : sampleView(frame.scope.sample, frame.report, t))}
            ${row(words.file, html`${value(frame.file.name)}, ${t.printed.bytes(frame.file.size)}<br />SHA-256 <code>${frame.file.sha256}</code>`)}
            ${row(words.heading, html`${value(filed.name)}<br />SHA-256 <code>${filed.sha256}</code>`)}
            ${frame.reference === reference ? nothing : text(paper.printReference, reference)}
            ${frame.examiner === examiner ? nothing : text(paper.printExaminer, examiner)}`
      }
    </dl>
    <div class="paper-sign">${paper.sign.map((name) => html`<p>${name}</p>`)}</div>
  `;
}

/** Renders the question that the page's search asks, its answer, and what that is based on; nothing without a search. */
function askedRows(evidence: PrintedEvidence | undefined, t: PageTexts): TemplateResult | typeof nothing {
  const { query = "", counts } = evidence?.searched ?? {};
  if (counts === undefined || query === "") return nothing;
  // Paper doesn't show whether a name is misspelled. So if nothing was found, it states only what was searched.
  const use = counts.events === 0 ? "searched" : "answer";
  const { basis, events } = evidence ?? {};
  const { question, answer } = t.evidence.filed;
  const { figures } = t.viewer;
  const details =
    events?.outcomes && outcomeWords(events.outcomes, counts.events, t.evidence.ask, figures.count);
  const basisOfDays = parseQuestion(query)?.basis;
  const asked = {
    query,
    scope: { events: counts.events, examined: null, range: null, sample: null },
    detections: null,
  };
  return html`
    <dt>${question}</dt><dd><strong>${questionWords(asked, t)}</strong></dd>
    <dt>${answer}</dt><dd>${
      evidence?.answer === undefined
        ? html`
          <p>${selectedWords(counts.events, counts.of, details ?? "", t)}</p>
          ${basis === undefined ? nothing : basisView(basis, t, { use, claims: events?.claims })}
          ${events === undefined || evidence?.sample !== undefined ? nothing : delaysView(events.delays, t)}
          ${outsideDaysView(events?.outside, t)}
          ${basisOfDays === undefined ? nothing : html`<p>${t.evidence.ask.times[basisOfDays]}</p>`}`
        : printedAnswer(evidence.answer, t)
    }</dd>`;
}

/** Renders the query or the rules of an evidence file; if `explains`, with what its days are about. */
function subjectRow(frame: Frame, t: PageTexts, explains = false): TemplateResult {
  const subject = subjectOf(frame, t.evidence);
  const { query } = subject;
  const basis = explains && subject.pack === undefined ? parseQuestion(query)?.basis : undefined;
  return html`<dt>${subject.label}</dt><dd>${subjectView(subject, t)}${basis === undefined ? nothing : html`<p>${t.evidence.ask.times[basis]}</p>`}</dd>`;
}

/** Renders what the page's search selects, or why that isn't known. */
function searchRows(
  evidence: PrintedEvidence | undefined,
  name: string,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (evidence === undefined) return nothing;
  const { filed, paper } = t.evidence;
  const { searched, events, sample, report } = evidence;
  const count =
    searched.state === "error"
      ? html`<strong class="tone-bad">${paper.refused}</strong> ${searched.why === undefined ? nothing : coreSentence(searched.why, searched.phrases, t)}`
      : events === undefined
        ? html`<strong class="tone-bad">${paper.waiting}</strong>`
        : html`${t.viewer.figures.events(events.count)}${claimsView(events.claims, false, t)}`;
  return html`
    <dt>${name}</dt>
    <dd>${subjectView({ query: searched.query, pack: undefined }, t)}</dd>
    <dt>${filed.selected}</dt>
    <dd>${count}</dd>
    ${sample === undefined || report === undefined ? nothing : html`<dt>${filed.sample}</dt><dd>${sampleView(sample, report, t)}</dd>`}
  `;
}

/** Renders the selected events as a table, with the search. */
export function printedEvents(
  evidence: PrintedEvidence | undefined,
  filed: Filed | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (evidence === undefined) return nothing;
  const { filed: words, make, paper } = t.evidence;
  const { count } = t.viewer.figures;
  const { events } = evidence;
  const head = html`
    <h3>${paper.events}</h3>
    <dl class="paper-facts">
      ${filed === undefined ? nothing : subjectRow(filed.frame, t)}
      ${searchRows(evidence, filed === undefined ? paper.filter : paper.here, t)}
    </dl>`;
  if (events === undefined || events.count === 0) return head;
  const { rows } = events;
  const hasTimes = rows.some(({ happened }) => happened !== undefined);
  const hasPapers = rows.some((row) => isWritten(evidence.papers.of(row.index)));
  return html`
    ${head}
    <table class="paper-events">
      <thead>
        <tr><th scope="col">${make.entry}</th>${hasTimes ? html`<th scope="col">${make.happened}</th>` : nothing}<th scope="col">${make.time}</th><th scope="col">${make.what}</th>${hasPapers ? html`<th scope="col">${words.papers}</th>` : nothing}</tr>
      </thead>
      <tbody>
        ${rows.map((row) => {
          const { ticked, flagged, comment } = evidence.papers.of(row.index);
          return html`
            <tr>
              <td>${count(row.index)}</td>
              ${hasTimes ? html`<td>${row.happened === undefined ? nothing : moment(row.happened)}</td>` : nothing}
              <td>${moment(row.time)}${delayView(row, t)}</td>
              <td class="paper-says">${value(saysOf(row, t), 300)}${outcomeOf(row) === "" ? nothing : html` <span class="faint">${value(outcomeOf(row))}</span>`}${changesView(events.changes.get(row.line), t)}</td>
              ${hasPapers ? html`<td>${ticked ? "✓ " : nothing}${flagged ? "⚑ " : nothing}${comment === "" ? nothing : value(comment, 2000)}</td>` : nothing}
            </tr>`;
        })}
      </tbody>
    </table>
    ${events.count > rows.length ? html`<p class="faint">${paper.more(count(events.count - rows.length))}</p>` : nothing}
  `;
}

function isWritten({
  ticked,
  flagged,
  comment,
}: {
  ticked: boolean;
  flagged: boolean;
  comment: string;
}): boolean {
  return ticked || flagged || comment !== "";
}
