import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence, moment } from "../core-sentence.ts";
import { picker } from "../input/choose.ts";
import { isRememberedPin } from "../state/memory.ts";
import type { PageTexts } from "../texts/en.ts";
import { unrecognizedView } from "./answer-view.ts";
import { caseView, opensSearches, type ShownCase } from "./case-view.ts";
import type { Filed, Shelf } from "./filed.ts";
import type { Block, FileRef, Frame } from "./frame.ts";
import { subjectOf, subjectView } from "./frame-subject.ts";

/** Maximum number of expanded sections. If there are more, all are folded. */
const MAX_EXPANDED = 2;
/** Maximum number of rows of a table, and of items of a list. */
const MAX_SHOWN = 500;
/** Matches an amount, a count, a share, or a date, which must not be broken across lines. */
const FIGURE = /^[-\u2212\u00b1]? ?\d[\d.,:-]*(?: ?%)?$/;

/**
 * Renders an evidence file: the case, whether it verifies, what it claims, and how reliable the claims are.
 */
export function filedView(
  shelf: Shelf,
  isInside: boolean,
  shown: ShownCase,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const texts = t.evidence.filed;
  switch (shelf.is) {
    case "empty":
      return nothing;
    case "opening":
      return html`<section class="panel filed" aria-busy="true"><p role="status">${texts.opening}</p></section>`;
    case "refused": {
      const { message, hint, code, line, phrases } = shelf.failure;
      return html`
        <section class="stopped tone-bad filed" role="alert" data-filed="refused">
          <h2 tabindex="-1">${icon("fail")}${texts.refused}</h2>
          <p class="faint">${value(shelf.name)}</p>
          <p><span>${texts.place(line)}${coreSentence(message, phrases, t, 1000)}</span></p>
          ${hint === undefined ? nothing : html`<p class="hint">${coreSentence(hint, phrases, t, 1000)}</p>`}
          ${code === undefined ? nothing : html`<p><code class="code">${code}</code></p>`}
          <p class="help">${texts.refusedAbout}</p>
        </section>
      `;
    }
    case "open":
      return openView(shelf.filed, isInside, shown, t);
  }
}

/** Renders the heading of the result below: its numbers are of the events inside the file, not of the export. */
export function insideView({ frame: { slice, report } }: Filed, t: PageTexts): TemplateResult {
  const { events } = t.viewer.figures;
  const { below } = t.evidence.filed;
  const words =
    slice === null
      ? below.export
      : below.slice({ events: events(slice.events), of: events(report.counts.events) });
  return html`<h2 class="filed-inside">${words}</h2>`;
}

function openView(filed: Filed, isInside: boolean, shown: ShownCase, t: PageTexts): TemplateResult {
  const texts = t.evidence.filed;
  const { frame, page, when } = filed;
  const events = t.viewer.figures.events(
    frame.slice === null ? frame.report.counts.events : frame.slice.events,
  );
  return html`
    <section class="panel filed" aria-labelledby="filed-heading" data-filed="open">
      ${caseView(filed, shown, t)}
      <p class="tone-good">${icon("pass")}<span>${texts.verified({ when: moment(when), events })}</span></p>
      ${isInside ? html`<p class="tone-doubt">${icon("warning")}<span>${texts.inside}</span></p>` : pageView(page, t)}
      ${frame.trust === null ? nothing : html`<p>${icon("key")}<span>${shown.isOwnTrust ? texts.ownTrust : texts.trust} ${shown.choosesTrust && !shown.isOwnTrust ? picker(t.trust.choose, "choose-trust", { quiet: true }) : nothing}</span></p>`}
      <details class="evidence-part">
        <summary>${texts.facts}</summary>
        ${frameFacts(frame, t, opensSearches(frame, shown))}
      </details>
      ${papersView(frame, t)}
      ${frame.sections.length === 0 ? nothing : sectionsView(frame.sections, t)}
    </section>
  `;
}

/** Renders whether the page in the file is the reader's copy. */
function pageView({ sha256, isOwn }: Filed["page"], t: PageTexts): TemplateResult {
  const { own, other, uncompared } = t.evidence.filed;
  const hash = html`<code class="hash">${sha256}</code>`;
  if (isOwn === undefined)
    return html`<p class="tone-doubt" data-page="uncompared">${icon("unknown")}<span>${uncompared(hash)}</span></p>`;
  return isOwn
    ? html`<p class="tone-good" data-page="own">${icon("pass")}${own}</p>`
    : html`<p class="tone-bad" data-page="other">${icon("warning")}<span>${other(hash)}</span></p>`;
}

/** Renders the author's sections, folded, because verified content comes first. */
function sectionsView(sections: Frame["sections"], t: PageTexts): TemplateResult {
  const texts = t.evidence.filed;
  return html`
    <details class="evidence-part">
      <summary>${texts.sections(t.viewer.figures.count(sections.length), sections.length)}</summary>
      <p>${texts.sectionsAbout}</p>
      ${sections.map(
        ({ title, blocks }, place) => html`
          <details class="filed-section" ?open=${place < MAX_EXPANDED}>
            <summary>${value(title, 300)}</summary>
            ${blocks.slice(0, MAX_SHOWN).map(blockView)}
          </details>
        `,
      )}
    </details>
  `;
}

/** Renders everything that a file says about itself, for printing. */
export function printedFile(frame: Frame, t: PageTexts): TemplateResult {
  const { filed } = t.evidence;
  return html`
    <h3>${filed.heading}</h3>
    ${frameFacts(frame, t)}
    ${papersView(frame, t)}
    ${frame.sections.length === 0 ? nothing : html`<p>${filed.sectionsAbout}</p>`}
    ${frame.sections.map(({ title, blocks }) => html`<h4>${value(title, 300)}</h4>${blocks.slice(0, MAX_SHOWN).map(blockView)}`)}
  `;
}

/**
 * Renders the file, search, and examiner that a report names. If `opens`, the number of events that the search can't tell
 * about is a button.
 */
export function frameFacts(frame: Frame, t: PageTexts, opens = false): TemplateResult {
  const texts = t.evidence.filed;
  const { figures } = t.viewer;
  const { sample, events, examined } = frame.scope;
  const subject = subjectOf(frame, t.evidence);
  const described = ({ name, sha256, size }: FileRef) =>
    html`${value(name)}, ${figures.bytes(size)}<br />SHA-256 <code class="hash">${sha256}</code>`;
  return html`
    <dl class="facts">
      <div class="wide"><dt>${texts.file}</dt><dd>${described(frame.file)}</dd></div>
      <div class="wide">
        <dt>${texts.made}</dt>
        <dd>${value(frame.tool.name)} ${value(frame.tool.version)}, ${moment(frame.time)}<br />SHA-256 <code class="hash">${frame.tool.sha256}</code></dd>
      </div>
      ${frame.trust === null ? nothing : html`<div class="wide"><dt>${texts.trustFile}</dt><dd>${described(frame.trust)}</dd></div>`}
      ${frame.pins.map((pin) => html`<div class="wide"><dt>${texts.pins}</dt><dd>${described(pin)}${isRememberedPin(pin.name) ? html`<br />${texts.rememberedPin}` : nothing}</dd></div>`)}
      <div class="wide"><dt>${subject.label}</dt><dd>${subjectView(subject, t)}</dd></div>
      <div><dt>${texts.selected}</dt><dd>${figures.events(events)}${examined === null ? nothing : html`<br />${texts.examined({ events: figures.events(examined.events), unrecognized: unrecognizedView(examined.unrecognized, opens, t) })}`}</dd></div>
      ${
        sample === null
          ? nothing
          : html`<div class="wide"><dt>${texts.sample}</dt><dd>${sampleView(sample, frame.report, t)}</dd></div>`
      }
      ${frame.reference === "" ? nothing : html`<div><dt>${texts.reference}</dt><dd>${value(frame.reference, 1000)}</dd></div>`}
      ${frame.examiner === "" ? nothing : html`<div><dt>${texts.examiner}</dt><dd>${value(frame.examiner, 1000)}</dd></div>`}
    </dl>
  `;
}

/** Renders how a sample of the events of a report was drawn. */
export function sampleView(
  sample: NonNullable<Frame["scope"]["sample"]>,
  report: Pick<Report, "checks" | "finding_counts" | "log">,
  t: PageTexts,
): TemplateResult {
  const { make } = t.evidence;
  const unwitnessed = requiresWitnesses(report) ? make.unwitnessed : make.unrequired;
  const { count, events } = t.viewer.figures;
  return html`
    ${make.drawn({ drawn: count(sample.entries.length), of: events(sample.candidates) })}
    ${sample.witnessed ? make.witnessed : html`<strong class="tone-doubt">${unwitnessed}</strong>`}.
    ${make.seed}: <code>${value(sample.seed, 1000)}</code>.
    ${make.root}: <code class="hash">${sample.root}</code>
  `;
}

/** True if the trust file behind a report requires witnesses, or if the report can't tell. */
function requiresWitnesses({
  checks,
  finding_counts,
  log,
}: Pick<Report, "checks" | "finding_counts" | "log">): boolean {
  const isMissed = (finding_counts["witness.quorum"] ?? 0) > 0;
  return checks.witnesses.state === "pass" || isMissed || log === null;
}

function papersView(frame: Frame, t: PageTexts): TemplateResult | typeof nothing {
  if (frame.papers.length === 0) return nothing;
  const { filed, make } = t.evidence;
  return html`
    <h3>${filed.papers}</h3>
    <table class="papers">
      <thead><tr><th scope="col">${make.entry}</th><th scope="col">${make.tick}</th><th scope="col">${make.flag}</th><th scope="col">${make.comment}</th></tr></thead>
      <tbody>
        ${frame.papers.slice(0, MAX_SHOWN).map(
          ({ entry, ticked, flagged, comment }) => html`
            <tr><td>${t.viewer.figures.count(entry)}</td><td>${ticked ? "✓" : ""}</td><td>${flagged ? "⚑" : ""}</td><td>${comment === "" ? nothing : value(comment, 8000)}</td></tr>`,
        )}
      </tbody>
    </table>
  `;
}

function blockView(block: Block): TemplateResult {
  // An image can't run scripts or load anything.
  if ("svg" in block)
    return html`<img class="filed-picture" alt=${block.text} src=${`data:image/svg+xml,${encodeURIComponent(block.svg)}`} />`;
  if ("text" in block) return html`<p>${value(block.text, 16_000)}</p>`;
  if ("list" in block)
    return html`<ul>${block.list.slice(0, MAX_SHOWN).map((item) => html`<li>${value(item, 4000)}</li>`)}</ul>`;
  return html`
    <div class="filed-table" tabindex="0">
      <table class="papers">
        <thead><tr>${block.head.map((cell) => html`<th scope="col">${cellView(cell, 300)}</th>`)}</tr></thead>
        <tbody>${block.rows.slice(0, MAX_SHOWN).map((row) => html`<tr>${row.map((cell) => html`<td class=${FIGURE.test(cell) ? "figure" : nothing}>${cellView(cell, 4000)}</td>`)}</tr>`)}</tbody>
      </table>
    </div>
  `;
}

function cellView(cell: string, maxLength: number): TemplateResult | typeof nothing {
  return cell === "" ? nothing : html`${value(cell, maxLength)}`;
}
