import { value } from "@countersign/viewer/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../said.ts";
import type { PageTexts } from "../texts/en.ts";
import { sampleView } from "./filed-view.ts";
import type { PrintedEvidence } from "./panel.ts";
import { outcomeOf, saysOf } from "./rows.ts";
import { evidenceTexts } from "./texts.ts";

/** Who examined it and under which reference, at the top of the printed report. */
export function printedWords(
  evidence: PrintedEvidence | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const { filed } = evidenceTexts(t.lang);
  if (evidence === undefined || (evidence.reference === "" && evidence.examiner === "")) return nothing;
  return html`
    <dl class="paper-facts paper-words">
      ${evidence.reference === "" ? nothing : html`<dt>${filed.reference}</dt><dd>${value(evidence.reference, 1000)}</dd>`}
      ${evidence.examiner === "" ? nothing : html`<dt>${filed.examiner}</dt><dd>${value(evidence.examiner, 1000)}</dd>`}
    </dl>
  `;
}

/** The selected events as a table, with what was searched for. */
export function printedEvents(
  evidence: PrintedEvidence | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (evidence === undefined) return nothing;
  const { filed, make, paper } = evidenceTexts(t.lang);
  const { count, events } = t.viewer.figures;
  const hasTimes = evidence.rows.some(({ happened }) => happened !== undefined);
  const hasPapers = evidence.rows.some((row) => isWritten(evidence.papers.of(row.index)));
  return html`
    <h3>${paper.events}</h3>
    <dl class="paper-facts">
      <dt>${paper.filter}</dt>
      <dd>${evidence.query === "" ? filed.all : html`<code>${value(evidence.query, 4000)}</code>`}</dd>
      <dt>${filed.selected}</dt>
      <dd>${events(evidence.events)}</dd>
      ${evidence.sample === undefined ? nothing : html`<dt>${filed.sample}</dt><dd>${sampleView(evidence.sample, t)}</dd>`}
    </dl>
    <table class="paper-events">
      <thead>
        <tr><th scope="col">${make.leaf}</th>${hasTimes ? html`<th scope="col">${make.happened}</th>` : nothing}<th scope="col">${make.time}</th><th scope="col">${make.what}</th>${hasPapers ? html`<th scope="col">${filed.papers}</th>` : nothing}</tr>
      </thead>
      <tbody>
        ${evidence.rows.map((row) => {
          const { ticked, flagged, comment } = evidence.papers.of(row.index);
          return html`
            <tr>
              <td>${count(row.index)}</td>
              ${hasTimes ? html`<td>${row.happened === undefined ? nothing : moment(row.happened)}</td>` : nothing}
              <td>${moment(row.time)}</td>
              <td class="paper-says">${value(saysOf(row), 300)}${outcomeOf(row) === "" ? nothing : html` <span class="faint">${value(outcomeOf(row))}</span>`}</td>
              ${hasPapers ? html`<td>${ticked ? "✓ " : nothing}${flagged ? "⚑ " : nothing}${comment === "" ? nothing : value(comment, 2000)}</td>` : nothing}
            </tr>`;
        })}
      </tbody>
    </table>
    ${evidence.events > evidence.rows.length ? html`<p class="faint">${paper.more(count(evidence.events - evidence.rows.length))}</p>` : nothing}
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
