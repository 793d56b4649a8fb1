import { icon } from "@countersign/viewer/icons.js";
import { VERDICT_LOOKS } from "@countersign/viewer/tones.js";
import { value } from "@countersign/viewer/value.js";
import type { Verdict } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { told } from "../said.ts";
import { type Agreement, end } from "../state/agreement.ts";
import type { Part } from "../state/case.ts";
import { each, leaves, type Range, type Ranges, union, without } from "../state/ranges.ts";
import type { PageTexts } from "../texts/en.ts";
import { wishes } from "../wish.ts";

/** Each part with its own verdict, which of them is looked at, and what can honestly be said of all. */
export function partsView(parts: readonly Part[], shown: number, t: PageTexts): TemplateResult {
  return html`
    <section class="parts" aria-labelledby="parts-heading">
      <h2 id="parts-heading" tabindex="-1">${t.parts.heading} <span class="faint">${t.viewer.figures.count(parts.length)}</span></h2>
      ${summary(parts, t)}
      <ol class="part-list" aria-label=${t.parts.choose}>
        ${parts.map((part, place) => partView(part, place, place === shown, parts, t))}
      </ol>
      ${
        parts.length > 1
          ? html`<div class="buttons"><button type="button" @click=${wishes("compare")}>${t.compare.openParts}</button></div>`
          : nothing
      }
    </section>
  `;
}

function partView(
  { file, session, agreement }: Part,
  place: number,
  isShown: boolean,
  parts: readonly Part[],
  t: PageTexts,
): TemplateResult {
  const report = session?.report;
  const look = report ? VERDICT_LOOKS[report.verdict] : { icon: "unknown" as const, tone: "faint" as const };
  const other = agreement && parts[agreement.with];
  return html`
    <li>
      <button type="button" class="part tone-${look.tone}" aria-current=${isShown ? "true" : nothing} @click=${wishes("show-part", place)}>
        <span class="part-name">${icon("file")}${value(file.name)}</span>
        <span class="state tone-${look.tone}">${icon(look.icon)}${report ? t.viewer.result.verdicts[report.verdict].word : t.parts.waiting}</span>
        <span class="faint">${report ? t.viewer.figures.leaves(report.counts.leaves) : nothing}</span>
      </button>
      ${
        agreement && other
          ? html`<p class="part-agreement faint">${t.parts.against} ${value(other.file.name)}: ${agreementView(agreement.is, t)}</p>`
          : nothing
      }
    </li>
  `;
}

/** How one export stands to another, in a line. */
export function agreementView(agreement: Agreement, t: PageTexts): TemplateResult {
  switch (agreement.is) {
    case "identical":
      return html`<span class="state tone-good">${icon("pass")}${t.parts.identical}</span>`;
    case "grown":
      return html`<span class="state tone-good">${icon("pass")}${t.parts.same}</span>`;
    case "contradicts":
      return html`<span class="state tone-bad">${icon("fail")}${t.parts.contradicts}</span> ${agreement.finding ? told(agreement.finding.message, t) : nothing}`;
    case "unknown":
      return html`<span class="state tone-faint">${icon("unknown")}${t.parts.unknown}</span> ${t.parts.agreement[agreement.why]}`;
  }
}

/** Verdicts are the parts' own; of all together only what they cover, and whether they agree. */
function summary(parts: readonly Part[], t: PageTexts): TemplateResult {
  const reports = parts.flatMap(({ session }) => (session?.report ? [session.report] : []));
  const counts = new Map<Verdict, number>();
  for (const { verdict } of reports) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const verdicts = [...counts].map(([verdict, count]) => {
    const { word } = t.viewer.result.verdicts[verdict];
    return `${t.viewer.figures.count(count)}\u00a0× ${word.replace(/\.$/, "")}`;
  });
  const origins = new Set(reports.map(({ origin }) => origin));
  return html`
    <p class="parts-verdicts">${t.parts.said(verdicts.join(", "))}</p>
    ${origins.size > 1 ? html`<p class="tone-doubt"><span class="state tone-doubt">${icon("warning")}${t.parts.logs(origins.size)}</span></p>` : html`${agree(parts, t)}${areOfOneLog(parts) ? together(parts, t) : nothing}`}
  `;
}

/** Whether each was shown to be of one log that only grew: then their leaves are of one tree. */
function areOfOneLog(parts: readonly Part[]): boolean {
  return parts.every(({ agreement }) => agreement === undefined || agreement.is.is === "grown");
}

function agree(parts: readonly Part[], t: PageTexts): TemplateResult {
  const answers = parts.flatMap(({ agreement }) => (agreement ? [agreement.is.is] : []));
  if (answers.includes("contradicts"))
    return html`<p class="agree tone-bad"><span class="state tone-bad">${icon("altered")}${t.parts.contradiction}</span></p>`;
  if (answers.includes("unknown"))
    return html`<p class="agree tone-doubt"><span class="state tone-doubt">${icon("unknown")}${t.parts.untold}</span></p>`;
  const areOne = answers.every((answer) => answer === "identical");
  return html`<p class="agree tone-good"><span class="state tone-good">${icon("pass")}${areOne ? t.parts.allIdentical : t.parts.agree}</span></p>`;
}

/** So many stretches are named. */
const NAMED = 8;

function together(parts: readonly Part[], t: PageTexts): TemplateResult | typeof nothing {
  const [all, here] = coveredBy(parts);
  if (all === 0) return nothing;
  const missing = [...each(without(Float64Array.of(0, all), here))];
  return html`
    <p>${t.parts.together(leaves(here), all)}</p>
    ${
      missing.length > 0
        ? html`<p class="faint">${t.parts.missing} ${missing.slice(0, NAMED).map((range, place) => html`${place > 0 ? ", " : nothing}${rangeName(range, t)}`)}${missing.length > NAMED ? ", …" : nothing}</p>`
        : nothing
    }
  `;
}

function rangeName([begin, end]: Range, t: PageTexts): string {
  return t.coverage.range(begin, end);
}

/** How many leaves there are up to the end of the longest part, and which of them any part holds. */
function coveredBy(parts: readonly Part[]): [all: number, here: Ranges] {
  const here = parts.flatMap(({ session, coverage }) => {
    const report = session?.report;
    if (!report || !coverage || end(report) === 0) return [];
    return [without(Float64Array.of(0, end(report)), coverage.skipped)];
  });
  const all = Math.max(0, ...parts.map(({ session }) => (session?.report ? end(session.report) : 0)));
  return [all, union(here)];
}
