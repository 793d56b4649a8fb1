import {
  type IconName,
  icon,
  type Look,
  type Tone,
  VERDICT_LOOKS,
} from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import { end } from "../state/agreement.ts";
import type { Part } from "../state/case.ts";
import { type Comparison, comparison, isFaulty } from "../state/comparison.ts";
import { each, entryCount, type Range, type Ranges, union, without } from "../state/ranges.ts";
import type { PageTexts } from "../texts/en.ts";

/** Renders each part with its own verdict, marks the one shown, and states what holds for all of them. */
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
          ? html`<div class="buttons"><button type="button" @click=${emits("compare")}>${t.compare.openParts}</button></div>`
          : nothing
      }
    </section>
  `;
}

function partView(
  part: Part,
  place: number,
  isShown: boolean,
  parts: readonly Part[],
  t: PageTexts,
): TemplateResult {
  const { file, session, agreement } = part;
  const report = session?.report;
  const look = lookOf(part);
  const other = agreement && parts[agreement.with];
  return html`
    <li>
      <button type="button" class="part tone-${look.tone}" aria-current=${isShown ? "true" : nothing} @click=${emits("show-part", place)}>
        <span class="part-name">${icon("file")}${value(file.name)}</span>
        <span class="state tone-${look.tone}">${icon(look.icon)}${wordOf(part, t) ?? t.parts.waiting}</span>
        <span class="faint">${report ? t.viewer.figures.entries(report.counts.entries) : nothing}</span>
      </button>
      ${
        agreement && other
          ? html`<p class="part-agreement faint">${t.parts.against} ${value(other.file.name)}: ${comparisonView(comparison(part, other, agreement.is), t)}</p>`
          : nothing
      }
    </li>
  `;
}

/** Returns the headline of a part's verdict; undefined without a verdict. */
function wordOf({ session }: Part, t: PageTexts): string | undefined {
  const judged = session?.verification;
  return judged && verdictWords(judged, t.viewer, { compared: session?.compared }).word;
}

function lookOf({ session }: Part): Look {
  return session?.report ? VERDICT_LOOKS[session.report.verdict] : { icon: "unknown", tone: "faint" };
}

/** Renders the headline of a part's verdict. */
export function partVerdictView(part: Part, t: PageTexts): TemplateResult {
  const { tone, icon: name } = lookOf(part);
  return html`<span class="state tone-${tone}">${icon(name)}${wordOf(part, t) ?? t.parts.waiting}</span>`;
}

/** Renders in one line how an export relates to another. */
export function comparisonView(found: Comparison, t: PageTexts): TemplateResult {
  switch (found.is) {
    case "faulty": {
      const names = found.faulty.map(({ file }) => value(file.name));
      const [word, why] =
        found.changed > 0
          ? [t.parts.differs, t.parts.differsIn(found.changed, names)]
          : [t.parts.faulty, t.parts.fails(names)];
      return html`<span class="state tone-bad">${icon("fail")}${word}</span> ${why}`;
    }
    case "identical":
      return html`<span class="state tone-good">${icon("pass")}${t.parts.identical}</span>`;
    case "same-state":
      return html`<span class="state tone-good">${icon("pass")}${t.parts.sameState}</span>`;
    case "grown":
      return html`<span class="state tone-good">${icon("pass")}${t.parts.same}</span>`;
    case "contradicts":
      return html`<span class="state tone-bad">${icon("fail")}${t.parts.contradicts}</span> ${found.finding ? coreSentence(found.finding.message, found.phrases, t) : nothing}`;
    case "unknown":
      return html`<span class="state tone-faint">${icon("unknown")}${t.parts.unknown}</span> ${t.parts.agreement[found.why]}`;
  }
}

/** Renders what the parts cover together, and whether they agree. Verdicts belong to single parts. */
function summary(parts: readonly Part[], t: PageTexts): TemplateResult {
  const counts = new Map<string, number>();
  for (const word of parts.flatMap((part) => wordOf(part, t) ?? []))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  const verdicts = [...counts].map(
    ([word, count]) => `${t.viewer.figures.count(count)}\u00a0× ${word.replace(/\.$/, "")}`,
  );
  return html`
    <p class="parts-verdicts">${t.parts.said(verdicts.join("; "))}</p>
    ${ofAll(parts, t).map(
      (statement) =>
        html`<p class="agree tone-${statement.tone}"><span class="state tone-${statement.tone}">${icon(statement.icon)}${statement.words}</span></p>`,
    )}
    ${areOfOneLog(parts) ? together(parts, t) : nothing}
  `;
}

/** A statement about several exports together. */
interface JointStatement {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly words: string;
}

/** Returns the results of comparing the exports with each other. */
export function ofAll(parts: readonly Part[], t: PageTexts): readonly JointStatement[] {
  const found = comparisonsOf(parts);
  const has = (is: Comparison["is"]) => found.some((one) => one.is === is);
  // The log of an unreadable file is unknown.
  const origins = new Set(parts.flatMap(({ session }) => session?.report?.origin ?? []));
  // A file that contradicts another one is evidence even if it fails its own checks.
  const faulty = parts.filter((part) => isFaulty(part) && !isContradicted(parts, part)).length;
  const bad = (words: string): JointStatement => ({ tone: "bad", icon: "altered", words });
  const statements: JointStatement[] = [];
  if (has("contradicts"))
    statements.push(bad(origins.size > 1 || faulty > 0 ? t.parts.contradictionOfOne : t.parts.contradiction));
  const sound = origins.size > 1 || has("contradicts") ? 0 : agreeingOthers(parts);
  const differing = found.flatMap((one) => (one.is === "faulty" && one.changed > 0 ? [one.changed] : []));
  if (differing.length > 0) {
    const changed = differing.reduce((sum, one) => sum + one, 0);
    statements.push(bad(parts.length === 2 ? t.parts.differ(changed) : t.parts.someDiffer));
  }
  if (faulty > 0)
    statements.push(bad(t.parts.faultyOf(faulty, parts.length, sound > 0 || differing.length > 0)));
  if (faulty > 0 && sound > 0)
    statements.push({ tone: "good", icon: "pass", words: t.parts.othersAgree(sound) });
  if (origins.size > 1)
    statements.push({ tone: "doubt", icon: "warning", words: t.parts.logs(origins.size) });
  if (statements.length > 0) return statements;
  if (has("unknown")) return [{ tone: "doubt", icon: "unknown", words: t.parts.undetermined }];
  const areOne = found.every(({ is }) => is === "identical");
  const areEqual = found.every(({ is }) => is === "identical" || is === "same-state");
  const words = areOne ? t.parts.allIdentical : areEqual ? t.parts.allSameState : t.parts.agree;
  return [{ tone: "good", icon: "pass", words }];
}

/** Returns the number of parts that pass their own checks, if there are several and all of them agree; otherwise 0. */
function agreeingOthers(parts: readonly Part[]): number {
  const sound = parts.filter((part) => !isFaulty(part));
  const agreeing = sound.filter((part) => {
    const other = part.agreement && parts[part.agreement.with];
    const { is } = comparisonOf(part, parts) ?? {};
    const isGood = is === "grown" || is === "same-state" || is === "identical";
    return other !== undefined && sound.includes(other) && isGood;
  });
  // The smallest one is compared with none of them.
  return sound.length > 1 && agreeing.length === sound.length - 1 ? sound.length : 0;
}

/** True if a part and another one contradict each other, as evidence (`comparisonOf`). */
export function isContradicted(parts: readonly Part[], part: Part): boolean {
  return parts.some((larger) => {
    const smaller = larger.agreement && parts[larger.agreement.with];
    return (part === larger || part === smaller) && comparisonOf(larger, parts)?.is === "contradicts";
  });
}

/**
 * True if all parts were proven to be of one log that only grew, so that their entries belong to one tree.
 */
function areOfOneLog(parts: readonly Part[]): boolean {
  const found = comparisonsOf(parts).map(({ is }) => is);
  return (
    found.some((is) => is !== "identical") &&
    found.every((is) => is === "grown" || is === "same-state" || is === "identical")
  );
}

function comparisonsOf(parts: readonly Part[]): readonly Comparison[] {
  return parts.flatMap((part) => comparisonOf(part, parts) ?? []);
}

/** Returns how a part relates to the next smaller one; undefined if there is none. */
function comparisonOf(part: Part, parts: readonly Part[]): Comparison | undefined {
  const { agreement } = part;
  const smaller = agreement && parts[agreement.with];
  return smaller && comparison(part, smaller, agreement.is);
}

/** Maximum number of ranges named. */
const MAX_NAMED = 8;

function together(parts: readonly Part[], t: PageTexts): TemplateResult | typeof nothing {
  const [all, here] = coveredBy(parts);
  if (all === 0) return nothing;
  const missing = [...each(without(Float64Array.of(0, all), here))];
  return html`
    <p>${t.parts.together(entryCount(here), all)}</p>
    ${
      missing.length > 0
        ? html`<p class="faint">${t.parts.missing} ${missing.slice(0, MAX_NAMED).map((range, place) => html`${place > 0 ? ", " : nothing}${rangeName(range, t)}`)}${missing.length > MAX_NAMED ? ", …" : nothing}</p>`
        : nothing
    }
  `;
}

function rangeName([begin, end]: Range, t: PageTexts): string {
  return t.coverage.range(begin, end);
}

/**
 * Returns the number of entries up to the end of the longest part, and the entries that any part contains.
 */
function coveredBy(parts: readonly Part[]): [all: number, here: Ranges] {
  const here = parts.flatMap(({ session, coverage }) => {
    const report = session?.report;
    if (!report || !coverage || end(report) === 0) return [];
    return [without(Float64Array.of(0, end(report)), coverage.skipped)];
  });
  const all = Math.max(0, ...parts.map(({ session }) => (session?.report ? end(session.report) : 0)));
  return [all, union(here)];
}
