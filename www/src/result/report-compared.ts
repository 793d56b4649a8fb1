import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { codeTitle } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Report, Verdict } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { localDay } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { FileRef } from "../evidence/frame.ts";
import { picker } from "../input/choose.ts";
import type { ReportFile } from "../input/report-file.ts";
import { keyParts } from "../input/trust.ts";
import { phraseOf } from "../phrase.ts";
import type { Part } from "../state/case.ts";
import { pinDifferences, type ReportDifference, reportDifferences } from "../state/report-differences.ts";
import type { PageTexts } from "../texts/en.ts";

/** A report that the reader chose, beside the result of this page. */
export interface ComparedReport {
  readonly stated: ReportFile;
  /** The export that was verified; undefined without an export. */
  readonly part: Part | undefined;
  /** Text of the trust file that it was verified with. */
  readonly trust: string | undefined;
}

/** Renders a report: the export that it needs, or whether it states what this page found in it. */
export function reportView({ stated, part, trust }: ComparedReport, t: PageTexts): TemplateResult {
  const report = part?.session?.report;
  return html`
    <section class="panel report-compared" aria-labelledby="report-heading" data-report=${stateOf(stated, part)}>
      <div class="section-head">
        <h2 id="report-heading" tabindex="-1">${t.report.heading(value(stated.name, 200))}</h2>
        <button type="button" class="quiet" @click=${emits("remove-report")}>${t.export.remove}<span class="sr"> ${stated.name}</span></button>
      </div>
      ${
        part === undefined
          ? html`
              <p>${stated.origin === undefined ? t.report.needsAny : t.report.needs(value(stated.origin.file.name, 200))}</p>
              ${factsView(stated, t)}
              <div class="buttons">${picker(t.report.choose, "choose-files", { primary: true, multiple: true })}</div>`
          : report === undefined
            ? html`<p role="status">${t.report.waits}</p>`
            : comparedView(stated, part, report, trust, t)
      }
    </section>
  `;
}

/** With `remembered`, the reports differ because this device remembers the log. */
type State = "alone" | "waiting" | "other" | "same" | "remembered" | "different";

function stateOf(stated: ReportFile, part: Part | undefined): State {
  const report = part?.session?.report;
  if (part === undefined) return "alone";
  const { file } = stated.origin ?? {};
  if (report === undefined || (file !== undefined && part.sha256 === undefined)) return "waiting";
  if (file !== undefined && file.sha256 !== part.sha256) return "other";
  const { others, explainsAll } = pinDifferences(reportDifferences(stated.report, report));
  if (others.length === 0) return "same";
  const { is } = part.seenBefore ?? {};
  return explainsAll && (is === "smaller" || is === "rewritten") ? "remembered" : "different";
}

function comparedView(
  stated: ReportFile,
  part: Part,
  report: Report,
  trust: string | undefined,
  t: PageTexts,
): TemplateResult {
  const { onlyIn, others } = pinDifferences(reportDifferences(stated.report, report));
  const pinView = onlyIn === undefined ? nothing : html`<p class="help">${t.report.pinIn[onlyIn]}</p>`;
  switch (stateOf(stated, part)) {
    case "alone":
    case "waiting":
      return html`<p role="status">${t.report.waits}</p>`;
    case "other":
      return html`
        <p><span class="state tone-bad">${icon("fail")}${t.report.other(value(part.file.name, 200))}</span></p>
        <p>${t.report.needs(value(stated.origin?.file.name ?? "", 200))}</p>
        ${factsView(stated, t)}
        <p class="help">${t.report.hashOf(value(part.file.name, 200))} <code class="hash">${part.sha256}</code></p>`;
    case "same":
      return html`<p><span class="state tone-good">${icon("pass")}${t.report.same}</span></p>${pinView}${scopeView(stated, trust, t)}`;
    case "remembered":
      return html`
        <p><span class="state tone-doubt">${icon("warning")}${t.report.remembered(localDay(part.seenBefore?.seen.when ?? "", t.viewer.lang))}</span></p>
        ${differencesView(others, stated, t)}
        <p><button type="button" class="quiet" @click=${emits("leave-memory-out")}>${t.memory.leaveOut}</button></p>
        ${scopeView(stated, trust, t)}`;
    case "different":
      return html`
        <p><span class="state tone-bad">${icon("fail")}${t.report.different}</span></p>
        ${differencesView(others, stated, t)}
        ${pinView}${scopeView(stated, trust, t)}`;
  }
}

/** Renders what the comparison can't say: whether it is about this file, or by this trust file. */
function scopeView({ origin }: ReportFile, trust: string | undefined, t: PageTexts): TemplateResult {
  const isOwnTrust =
    (origin?.trust?.sha256 ?? undefined) === (trust === undefined ? undefined : phraseOf(trust).hash);
  const why = origin === undefined ? t.report.unnamed : isOwnTrust ? t.report.named : t.report.otherTrust;
  return html`<p class="help">${why}</p>`;
}

function differencesView(
  differences: readonly ReportDifference[],
  { name }: ReportFile,
  t: PageTexts,
): TemplateResult {
  return html`
    <table class="field-table first-wrong">
      <thead><tr><th scope="col">${t.report.statement}</th><th scope="col">${value(name, 200)}</th><th scope="col">${t.report.found}</th></tr></thead>
      <tbody>
        ${differences.map(
          ({ about, theirs, ours }) => html`
            <tr data-about=${about.is}>
              <th scope="row">${labelOf(about, t)}</th>
              <td>${wordsOf(about, theirs, t)}</td>
              <td>${wordsOf(about, ours, t)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  `;
}

function labelOf(about: ReportDifference["about"], t: PageTexts): unknown {
  switch (about.is) {
    case "count":
      return t.report.counts[about.name as keyof PageTexts["report"]["counts"]];
    case "check": {
      const { checks } = t.viewer.result;
      const title = Object.hasOwn(checks, about.name) ? checks[about.name].title : about.name;
      return html`${t.checks.check}: ${value(title, 80)}`;
    }
    case "problem":
      return value(codeTitle(about.code, t.viewer), 200);
    case "signer": {
      const parts = keyParts(about.vkey);
      return html`${t.report.signer}: ${value(parts?.name ?? about.vkey, 200)} <code>${parts?.id}</code>`;
    }
    default:
      return t.report.facts[about.is];
  }
}

function wordsOf({ is }: ReportDifference["about"], text: string | undefined, t: PageTexts): TemplateResult {
  if (text === undefined) return html`<span class="faint">${t.verdict.none}</span>`;
  if (is === "verdict") return html`${verdictWord(text, t)}`;
  if (is === "check" && Object.hasOwn(t.viewer.result.states, text))
    return html`${t.viewer.result.states[text as keyof PageTexts["viewer"]["result"]["states"]]}`;
  if (is === "signer" && Object.hasOwn(t.viewer.result.signers, text))
    return html`${t.viewer.result.signers[text as keyof PageTexts["viewer"]["result"]["signers"]].word}`;
  return html`${value(text, 200)}`;
}

function verdictWord(verdict: string, t: PageTexts): unknown {
  const { verdicts } = t.viewer.result;
  return Object.hasOwn(verdicts, verdict) ? verdicts[verdict as Verdict].word : value(verdict, 80);
}

/** Renders which export a report is about, and what it states. */
function factsView({ report, origin }: ReportFile, t: PageTexts): TemplateResult {
  const { figures } = t.viewer;
  const fact = (name: unknown, text: unknown) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`;
  const fileFacts = ({ name, size, sha256 }: FileRef) => html`
    ${fact(t.verdict.file, html`${value(name, 200)} <span class="faint">${figures.bytes(size)}</span>`)}
    ${fact(t.verdict.sha256, html`<code class="hash">${value(sha256, 80)}</code>`)}`;
  return html`
    <dl class="facts">
      ${origin === undefined ? nothing : fileFacts(origin.file)}
      ${report.origin === null ? nothing : fact(t.verdict.log, value(report.origin, 200))}
      ${fact(t.verdict.holds, `${figures.events(Number(report.counts.events))}, ${figures.entries(Number(report.counts.entries))}`)}
      ${report.log === null ? nothing : fact(t.verdict.root, html`<code class="hash">${value(String(report.log.root), 80)}</code>`)}
      ${fact(t.report.states, html`“${verdictWord(report.verdict, t)}”`)}
    </dl>
  `;
}
