import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence } from "../core-sentence.ts";
import { emit, emits } from "../emit.ts";
import { type Agreement, end } from "../state/agreement.ts";
import type { Part } from "../state/case.ts";
import { type Comparison, comparison, coveredBy, isComparable } from "../state/comparison.ts";
import { type Covered, changedEntries, type Difference, excluding, hidden } from "../state/difference.ts";
import { entryCount } from "../state/ranges.ts";
import { strip } from "../state/strip.ts";
import type { PageTexts } from "../texts/en.ts";
import { type ComparedFiles, MAX_LISTED, printedFields } from "./changed-fields.ts";
import { laneView } from "./coverage.ts";
import { type HiddenRanges, hiddenView } from "./hidden.ts";
import { partVerdictView } from "./parts.ts";

/** Name of the printed comparison, whose pages have a footer of their own. */
export const COMPARISON_PAPER = "comparison";

/** Indexes of the two parts that are compared. */
export interface Pair {
  readonly one: number;
  readonly other: number;
  /** Undefined until known. */
  readonly agreement: Agreement | undefined;
}

/**
 * Renders two exports of one log side by side: whether they agree, and what each shows that the other hides.
 */
export function compareView(
  parts: readonly Part[],
  pair: Pair,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const [one, other] = [parts[pair.one], parts[pair.other]];
  if (!one || !other) return nothing;
  const found = pair.agreement && comparison(one, other, pair.agreement);
  const compared = found && differencesOf(one, other, found);
  return html`
    <section class="compare" aria-labelledby="compare-heading">
      <div class="section-head">
        <h2 id="compare-heading" tabindex="-1">${t.compare.heading}</h2>
        <button type="button" class="quiet" @click=${emits("compare-close")}>${t.compare.close}</button>
      </div>
      <div class="pair">
        ${chooser("compare-one", t.compare.one, parts, pair.one, (place) => ({ ...pair, one: place }), t)}
        ${chooser("compare-other", t.compare.other, parts, pair.other, (place) => ({ ...pair, other: place }), t)}
      </div>
      ${compared === undefined ? nothing : changesView(one, other, pair, compared, false, t)}
      ${comparisonView(one, other, found, t)}
      ${compared === undefined ? nothing : sides(one, other, pair, compared, false, t)}
    </section>
  `;
}

/** Renders the comparison as a document of its own, for printing. */
export function printedComparison(
  parts: readonly Part[],
  pair: Pair,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const [one, other] = [parts[pair.one], parts[pair.other]];
  if (!one || !other) return nothing;
  const found = pair.agreement && comparison(one, other, pair.agreement);
  const compared = found && differencesOf(one, other, found);
  const fileRow = (label: string, part: Part) => html`
    <dt>${label}</dt>
    <dd>${value(part.file.name)}, ${t.printed.bytes(part.file.size)}${part.sha256 === undefined ? nothing : html`<br />SHA-256 <code>${part.sha256}</code>`}<br />${partVerdictView(part, t)}</dd>`;
  return html`
    <article class="paper" data-paper=${COMPARISON_PAPER}>
      <header>
        <p class="brand">countersign</p>
        <h2>${t.compare.printed}</h2>
      </header>
      <dl class="paper-facts">${fileRow(t.compare.one, one)}${fileRow(t.compare.other, other)}</dl>
      ${compared === undefined ? nothing : changesView(one, other, pair, compared, true, t)}
      ${comparisonView(one, other, found, t)}
      ${compared === undefined ? nothing : sides(one, other, pair, compared, true, t)}
      <footer>${t.truth}</footer>
    </article>
  `;
}

function chooser(
  id: string,
  label: string,
  parts: readonly Part[],
  at: number,
  changed: (place: number) => Pair,
  t: PageTexts,
): TemplateResult {
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <select
        id=${id}
        @change=${(event: Event) => emit(event.currentTarget, "compare", changed(Number((event.currentTarget as HTMLSelectElement).value)))}
      >
        ${parts.map(({ file }, place) => html`<option value=${place} .selected=${place === at}>${file.name}</option>`)}
      </select>
      ${parts[at] === undefined ? nothing : html`<p class="pair-verdict" data-verdict=${parts[at].session?.report?.verdict ?? nothing}>${partVerdictView(parts[at], t)}</p>`}
    </div>
  `;
}

function comparisonView(one: Part, other: Part, found: Comparison | undefined, t: PageTexts): TemplateResult {
  const good = (words: string) =>
    html`<p class="agree" data-agree=${found?.is ?? nothing}><span class="state tone-good">${icon("pass")}</span>${words}</p>`;
  switch (found?.is) {
    case undefined:
      return html`<p class="agree faint" role="status">${t.progress.agreeing}…</p>`;
    case "faulty":
      return faultyView(
        found,
        [one, other].filter((part) => !found.faulty.includes(part)),
        t,
      );
    case "grown":
      return good(t.compare.same);
    case "same-state":
      return good(t.compare.sameState(t.compare.entries(one.session?.report?.log?.size ?? 0)));
    case "identical":
      return good(t.compare.identical);
    case "unknown":
      return found.why === "other-log"
        ? html`<p class="agree" data-agree="other-log"><span class="state tone-doubt">${icon("warning")}</span>${t.compare.otherLog}</p>`
        : html`<p class="agree" data-agree="unknown"><span class="state tone-doubt">${icon("unknown")}</span>${t.compare.undetermined} ${t.parts.agreement[found.why]}. ${t.compare.byClaim}</p>`;
    case "contradicts":
      return html`
        <div class="evidence tone-bad" data-agree="contradicts">
          <p><span class="state tone-bad">${icon("altered")}${t.compare.contradiction}</span></p>
          <p>${t.compare.evidence}</p>
          ${found.finding ? html`<p>${coreSentence(found.finding.message, found.phrases, t)} <code class="code">${found.finding.code}</code></p>` : nothing}
          <div class="checkpoints-beside">${checkpoint(one, t)}${checkpoint(other, t)}</div>
          <div class="buttons"><button type="button" @click=${() => save("checkpoints.txt", evidence(one, other))}>${t.compare.saveCheckpoints}</button></div>
        </div>
        <p class="help">${t.compare.byPlace}</p>`;
  }
}

/** Renders that a file fails its own checks, and what the comparison can still say about it. */
function faultyView(
  { faulty, agreement, changed }: Extract<Comparison, { is: "faulty" }>,
  others: readonly Part[],
  t: PageTexts,
): TemplateResult {
  const about =
    agreement.is === "unknown" ? (agreement.why === "other-log" ? "otherLog" : undefined) : agreement.is;
  return html`
    <div class="evidence tone-bad" data-agree="faulty" data-relation=${agreement.is}>
      <p><span class="state tone-bad">${icon("fail")}${changed > 0 ? t.compare.faulty.differ : t.compare.faulty.heading}</span></p>
      <p>${t.compare.faulty.fails(faulty.map(({ file }) => value(file.name)))}</p>
      ${others.map((part) => html`<p data-verdict-of="other">${value(part.file.name)}: ${partVerdictView(part, t)}</p>`)}
      ${about === undefined ? nothing : html`<p>${t.compare.faulty[about]}</p>`}
    </div>
    ${about === "otherLog" || about === "identical" ? nothing : html`<p class="help">${t.compare.byClaim}</p>`}`;
}

function checkpoint({ file, session }: Part, t: PageTexts): TemplateResult {
  return html`
    <div>
      <p class="faint">${t.compare.checkpointOf} ${value(file.name)}</p>
      <pre class="raw" tabindex="0" role="group" aria-label="${t.compare.checkpointOf} ${file.name}"><code>${session?.pin ?? `${session?.report?.origin}\n${session?.report?.log?.size}\n${session?.report?.log?.root}\n`}</code></pre>
    </div>
  `;
}

function evidence(one: Part, other: Part): string {
  return [one, other].map(({ file, session }) => `# ${file.name}\n\n${session?.pin ?? ""}\n`).join("\n");
}

/** Differences between two exports that can be compared. */
interface Differences {
  readonly found: Comparison;
  /** Coverage of both, in order. */
  readonly covered: readonly [Covered, Covered];
  /** For each: the entries that it shows and the other hides, without those that changed. */
  readonly hidden: readonly [readonly Difference[], readonly Difference[]];
  /** For each: the entries that it shows and that were changed in the other. */
  readonly changed: readonly [readonly number[], readonly number[]];
}

/** Returns how two exports differ; undefined if they can't be compared, or aren't different. */
function differencesOf(one: Part, other: Part, found: Comparison): Differences | undefined {
  const [covered, otherCovered] = [coveredBy(one), coveredBy(other)];
  const agreement = found.is === "faulty" ? found.agreement : found;
  if (!covered || !otherCovered || !isComparable(agreement)) return undefined;
  const all = [hidden(covered, otherCovered), hidden(otherCovered, covered)] as const;
  const changedIn = (differences: readonly Difference[], { session }: Part) =>
    session?.report === undefined ? [] : changedEntries(differences, session.report);
  const changed = [changedIn(all[0], other), changedIn(all[1], one)] as const;
  const rest = (nth: 0 | 1) => excluding(all[nth], changed[nth].slice(0, MAX_LISTED));
  return { found, covered: [covered, otherCovered], hidden: [rest(0), rest(1)], changed };
}

/** Renders the fields of the entries that both files contain with different content. */
function changesView(
  one: Part,
  other: Part,
  { one: at, other: otherAt }: Pair,
  { found, hidden: [hidden, otherHidden], changed: [changed, otherChanged] }: Differences,
  isPrinted: boolean,
  t: PageTexts,
): TemplateResult {
  const isAll =
    hidden.length + otherHidden.length === 0 && (changed.length === 0 || otherChanged.length === 0);
  const filesView = (files: ComparedFiles) =>
    isPrinted
      ? printedFields(files, t)
      : html`<countersign-changed-fields .texts=${t} .signed=${files.signed} .at=${files.at} .changed=${files.changed} .entries=${files.entries} .isOnly=${files.isOnly}></countersign-changed-fields>`;
  const changedView = (files: ComparedFiles) => (files.entries?.length === 0 ? nothing : filesView(files));
  return html`
    ${changedView({ signed: one, at, changed: other, entries: changed, isOnly: isAll })}
    ${changedView({ signed: other, at: otherAt, changed: one, entries: otherChanged, isOnly: isAll })}
    ${found.is === "contradicts" ? filesView({ signed: other, at: otherAt, changed: one, entries: undefined, isOnly: undefined }) : nothing}`;
}

function sides(
  one: Part,
  other: Part,
  { one: at, other: otherAt }: Pair,
  { found, covered: [covered, otherCovered], hidden: [hidden, otherHidden], changed }: Differences,
  isPrinted: boolean,
  t: PageTexts,
): TemplateResult {
  const all = Math.max(covered.end, otherCovered.end);
  const isSame = found.is === "grown" || found.is === "same-state";
  const nothingHidden = changed.some(({ length }) => length > 0)
    ? t.compare.nothingElse
    : isSame
      ? t.compare.nothing
      : t.compare.nothingByPlace;
  return html`
    <div class="side">${lane(one, covered, all, t)}${lane(other, otherCovered, all, t)}</div>
    ${sideView({ shown: one, at, differences: hidden }, other, { nothingHidden, isPrinted }, t)}
    ${sideView({ shown: other, at: otherAt, differences: otherHidden }, one, { nothingHidden, isPrinted }, t)}
  `;
}

/** Returns the size of an export in words. */
function holdingView({ session, coverage }: Part, t: PageTexts): string {
  const report = session?.report;
  if (!report || end(report) === 0) return t.compare.empty;
  const { withheld, skipped } = report.counts;
  const leftOut = [
    ...(withheld > 0 ? [t.verdict.withheld(withheld)] : []),
    ...(skipped > 0 ? [t.verdict.skipped(skipped)] : []),
  ];
  const { events, entries } = t.viewer.figures;
  return t.compare.has({ shown: events(coverage?.events ?? 0), leftOut, last: entries(end(report)) });
}

function lane(part: Part, covered: Covered, all: number, t: PageTexts): TemplateResult | typeof nothing {
  const { file, session } = part;
  if (!session) return nothing;
  // Entries after its end are omitted too.
  const skipped = covered.end < all ? Float64Array.of(...covered.skipped, covered.end, all) : covered.skipped;
  const drawn = strip({ ...covered, skipped }, session.marks, [], all);
  return html`<p class="lane-of">${value(file.name)} <span class="faint">${holdingView(part, t)}</span></p>${laneView(drawn, `${file.name}: ${t.coverage.chartShown(entryCount(covered.shown))}`, t)}`;
}

function sideView(
  ranges: HiddenRanges,
  other: Part,
  { nothingHidden, isPrinted }: { readonly nothingHidden: string; readonly isPrinted: boolean },
  t: PageTexts,
): TemplateResult {
  const { shown, at, differences } = ranges;
  const total = differences.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const rangesView = () =>
    isPrinted
      ? hiddenView(ranges, t)
      : html`<countersign-hidden .texts=${t} .shown=${shown} .at=${at} .differences=${differences}></countersign-hidden>`;
  return html`
    <div class="difference">
      <h3>${t.compare.hides({ one: value(shown.file.name), other: value(other.file.name) })} <span class="faint">${t.compare.entries(total)}</span></h3>
      ${differences.length === 0 ? html`<p class="empty">${nothingHidden}</p>` : rangesView()}
    </div>
  `;
}
