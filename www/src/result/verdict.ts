import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import { comparedView } from "@countersign/ui/viewer/verdict/trust-compared-view.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Judged, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { localDay, moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import { readCheckpoint } from "../input/checkpoint.ts";
import { picker } from "../input/choose.ts";
import type { TextFile, TrustChoice } from "../input/trust.ts";
import type { Part } from "../state/case.ts";
import { isOnlyContradicted } from "../state/comparison.ts";
import type { PageTexts } from "../texts/en.ts";
import { leadsView } from "./answers.ts";

/** Facts besides a report that decide how its verdict is shown. */
export interface VerdictContext {
  /** Name of the file, if there are several; undefined if it is clear. */
  readonly fileName: string | undefined;
  /** True if another chosen file contradicts this one. */
  readonly isContradicted: boolean;
  /** True if the verdict is by the trust file in an evidence file, which its author chose. */
  readonly isByAuthor: boolean;
  /** The report in an evidence file on the export that the events were taken from, if it isn't in the file. */
  readonly source: Report | undefined;
}

/**
 * Returns the words of a verdict. It is never shown as good by an author's own trust file, nor if the events were taken
 * from an export that fails its own checks.
 */
export function shownWords(
  part: Part,
  judged: Judged,
  { isByAuthor, source }: VerdictContext,
  t: PageTexts,
): Pick<ReturnType<typeof verdictWords>, "tone" | "icon" | "word" | "says"> {
  const words = verdictWords(judged, t.viewer, { compared: part.session?.compared });
  if (words.tone === "bad") return words;
  if (source !== undefined && faultOf(source) !== undefined) {
    const { word } = verdictWords({ report: source, phrases: {}, why: null }, t.viewer);
    const says = t.verdict.ofFaultySays(word);
    // A verdict in doubt keeps its own headline.
    return words.tone === "good" || words.tone === "fair"
      ? {
          tone: "bad",
          icon: "warning",
          word: t.verdict.ofFaulty,
          says: `${t.verdict.ofFaultyEvents} ${says}`,
        }
      : { ...words, says: `${words.says} ${says}` };
  }
  if (!isByAuthor) return words;
  if (words.tone === "good")
    return { tone: "doubt", icon: "warning", word: t.verdict.authors, says: t.verdict.authorsSays };
  return words.tone === "fair" ? { ...words, says: `${words.says} ${t.verdict.authorsSays}` } : words;
}

/**
 * Renders the verdict in a sentence, above every tab of the result. It is about this part alone, not about
 * the other parts.
 */
export function verdictView(
  part: Part,
  judged: Judged,
  context: VerdictContext,
  t: PageTexts,
): TemplateResult {
  const words = shownWords(part, judged, context, t);
  return html`
    <section class="verdict tone-${words.tone}" aria-labelledby="verdict-heading">
      <div class="verdict-mark">${icon(words.icon)}</div>
      <div class="verdict-body">
        ${fileNameView(context)}
        <h2 id="verdict-heading" tabindex="-1">${words.word}</h2>
        <p class="says">${rewrittenView(part, t)}${words.says}${words.says.endsWith(".") ? "" : "."}</p>
      </div>
      <div class="verdict-leads">${leadsView(judged, t)}${anotherTrustView(part, t)}${sampleView(part, judged, t)}</div>
      ${context.isContradicted ? html`<p class="seen tone-bad">${icon("warning")}<span>${t.verdict.contradicted}</span></p>` : nothing}
    </section>
  `;
}

/** Renders the file that a verdict is about, unless it is clear. */
function fileNameView({ fileName }: VerdictContext): TemplateResult | typeof nothing {
  return fileName === undefined ? nothing : html`<p class="verdict-file">${value(fileName, 80)}</p>`;
}

/** Renders that the log differs from what this device saw, if it was rewritten. */
function rewrittenView({ seenBefore }: Part, t: PageTexts): TemplateResult | typeof nothing {
  return seenBefore?.is === "rewritten"
    ? html`<strong>${t.verdict.rewritten} ${localDay(seenBefore.seen.when, t.viewer.lang)}.</strong> `
    : nothing;
}

/** Renders the button that replaces a trust file whose keys signed nothing, or not all. */
function anotherTrustView({ session, from }: Part, t: PageTexts): TemplateResult | typeof nothing {
  const { result = "all", given = [] } = session?.compared ?? {};
  return result === "all" || given.length === 0 || from === "sample"
    ? nothing
    : picker(t.trust.another, "choose-trust", { quiet: true });
}

/** Renders the button that changes one byte of the sample, or undoes the change. */
function sampleView({ from }: Part, { report }: Judged, t: PageTexts): TemplateResult | typeof nothing {
  if (from !== "sample") return nothing;
  return report.verdict === "altered"
    ? html`<button type="button" class="lead-to" @click=${emits("choose-sample")}>${t.welcome.restore}</button>`
    : html`<button type="button" class="lead-to" @click=${emits("choose-altered")}>${t.welcome.alterHere}</button>`;
}

/** Renders the same verdict in one line, beside the file, where the rows need the room. */
export function foldedVerdictView(
  part: Part,
  judged: Judged,
  context: VerdictContext,
  t: PageTexts,
): TemplateResult {
  const words = shownWords(part, judged, context, t);
  return html`
    <section class="verdict folded tone-${words.tone}" aria-labelledby="verdict-heading">
      ${icon(words.icon)}
      ${fileNameView(context)}
      <h2 id="verdict-heading" tabindex="-1" title=${words.word}>${words.word}</h2>
      <p class="says" title=${words.says}>${rewrittenView(part, t)}${words.says}${words.says.endsWith(".") ? "" : "."}</p>
      ${leadsView(judged, t)}
      ${context.isContradicted ? html`<p class="seen tone-bad">${icon("warning")}<span>${t.verdict.contradicted}</span></p>` : nothing}
    </section>
  `;
}

/** Renders what a verdict doesn't mean, what to do now, and what this device knows about the log. */
export function meaningView(
  part: Part,
  judged: Judged,
  { pins, trust }: { readonly pins: readonly TextFile[]; readonly trust: Pick<TrustChoice, "file"> },
  t: PageTexts,
): TemplateResult {
  const compared = part.session?.compared;
  const words = verdictWords(judged, t.viewer, { compared });
  return html`
    <section class="meaning" aria-labelledby="not-heading">
      ${words.next ? html`<p class="next"><strong>${t.verdict.now}</strong> ${words.next}</p>` : nothing}
      ${part.from !== "reader" || faultOf(judged.report) === undefined ? nothing : html`<p class="next" data-next="compare">${t.verdict.otherCopy} ${picker(t.compare.heading, "compare-files", { quiet: true, multiple: true })}</p>`}
      <h3 id="not-heading">${t.verdict.not}</h3>
      <ul class="not" aria-labelledby="not-heading">
        ${words.not.map((text) => html`<li>${text}</li>`)}
        ${trustSourceView(part, judged, trust, t)}
        ${part.from === "sample" ? html`<li>${t.verdict.sample}</li>` : nothing}
        ${part.from === "evidence" ? html`<li>${t.evidence.filed.keys}</li>` : nothing}
      </ul>
      ${seenView(part, t)}
      ${otherPinsView(pins, judged.report, t)}
    </section>
  `;
}

/** Renders that a trust file which vouches for the verdict may have come with the log. */
export function trustSourceView(
  { from }: Part,
  { report }: Judged,
  { file }: Pick<TrustChoice, "file">,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const isTrusted = report.verdict === "verified" || report.verdict === "partial";
  return isTrusted && from !== "sample" && file !== undefined && file.source === undefined
    ? html`<li data-trust-source>${t.verdict.trustSource(inSentence(file.name))}</li>`
    : nothing;
}

/** Renders which of the reader's pins are of other logs, and say nothing about this one. */
function otherPinsView(pins: readonly TextFile[], { origin }: Report, t: PageTexts): TemplateResult[] {
  if (origin === null) return [];
  return pins.flatMap(({ name, text }) => {
    const pinned = readCheckpoint(text)?.origin;
    return pinned === undefined || pinned === origin
      ? []
      : html`<p class="seen tone-doubt" data-pin="other">${icon("warning")}<span>${t.memory.otherPin({ name: value(name, 80), pinned: value(pinned, 200), origin: value(origin, 200) })}</span></p>`;
  });
}

/** Renders the trust file's keys beside those that signed, unless it vouches for all of them. */
export function trustView({ session }: Part, t: PageTexts): TemplateResult | typeof nothing {
  const compared = comparedView(session?.compared, t.viewer);
  return compared === nothing
    ? nothing
    : html`<section class="panel" aria-label=${t.viewer.trust.label}>${compared}</section>`;
}

/** Renders what this device remembers about the log. */
function seenView(part: Part, t: PageTexts): TemplateResult | typeof nothing {
  const { seenBefore, remembered, session } = part;
  const size = session?.report?.log?.size ?? 0;
  if (seenBefore === undefined) {
    return remembered
      ? html`<p class="seen" data-seen="first">${icon("pin")}<span>${t.memory.first} ${t.viewer.figures.count(size)}.</span></p>`
      : nothing;
  }
  const { seen, is } = seenBefore;
  const isBad = is === "smaller" || is === "rewritten";
  const isWhole = faultOf(session?.report) === undefined;
  const then = {
    grown: isWhole ? t.memory.grownThen : seen.size === size ? t.memory.sameBadThen : t.memory.grownBadThen,
    unknown: t.memory.unknownThen(seen.size),
    smaller: t.memory.smallerThen,
    rewritten: isOnlyContradicted(part) ? t.memory.rewrittenThen : t.memory.rewrittenFaultyThen,
  }[is];
  return html`
    <div class="seen ${isBad ? "tone-bad" : ""}" data-seen=${is}>
      ${icon(is === "grown" && isWhole ? "pass" : isBad ? "warning" : "pin")}
      <p>
        ${t.memory.grown(seen.size)} ${localDay(seen.when, t.viewer.lang)}${then}
        ${isBad ? html`<br /><button type="button" class="quiet" @click=${emits("leave-memory-out")}>${t.memory.leaveOut}</button>` : nothing}
      </p>
    </div>
  `;
}

/** Returns what a file contains. Entries that it doesn't show are among those that it contains. */
export function holdsWords(
  { events, chains, entries, withheld }: Report["counts"],
  { verdict: t, viewer: { figures, strip } }: PageTexts,
): string {
  const all = figures.entries(entries);
  return t.holdsIn({
    events: figures.events(events),
    chains: figures.chains(chains),
    entries: withheld === 0 ? all : strip.shownOf({ entries: all, shown: figures.count(entries - withheld) }),
  });
}

/**
 * Returns how many entries aren't events, if a file omits and withholds none; empty otherwise, because the verdict then
 * says it.
 */
export function otherEntriesWords(
  { events, entries, withheld, skipped }: Report["counts"],
  t: PageTexts,
): string {
  const others = entries - events;
  return withheld + skipped > 0 || others <= 0 ? "" : t.viewer.result.part.others(others);
}

/** Renders the facts that tell a reader whether this is the right file. */
export function factsView({ file }: Part, { origin, counts, log }: Report, t: PageTexts): TemplateResult {
  const { figures } = t.viewer;
  const leftOut = [
    counts.withheld > 0 ? t.verdict.withheld(counts.withheld) : "",
    counts.skipped > 0 ? t.verdict.skipped(counts.skipped) : "",
  ].filter((text) => text !== "");
  const others = otherEntriesWords(counts, t);
  return html`
    <dl class="facts">
      <div><dt>${t.verdict.file}</dt><dd>${value(file.name)} <span class="faint size">${figures.bytes(file.size)}</span></dd></div>
      <div><dt>${t.verdict.log}</dt><dd>${origin === null ? html`<span class="faint">${t.verdict.noHeader}</span>` : value(origin)}</dd></div>
      <div>
        <dt>${t.verdict.holds}</dt>
        <dd>
          ${holdsWords(counts, t)}
          ${others === "" ? nothing : html`<p class="faint">${others}</p>`}
          ${leftOut.length > 0 ? html`<p>${t.verdict.leftOut}: ${leftOut.join(", ")}</p>` : nothing}
        </dd>
      </div>
      <div>
        <dt>${t.verdict.checkpoint}</dt>
        <dd>
          ${
            log === null
              ? html`<span class="faint">${t.verdict.none}</span>`
              : html`${figures.entries(log.size)}${log.time === null ? nothing : html`${t.verdict.seenBy} ${moment(log.time)}`}`
          }
        </dd>
      </div>
    </dl>
  `;
}

/** Returns the announcement of a verdict to screen readers. */
export function verdictAnnouncement(
  part: Part,
  judged: Judged,
  context: VerdictContext,
  t: PageTexts,
): string {
  const words = shownWords(part, judged, context, t);
  const errors = judged.report.findings.filter(({ severity }) => severity === "error").length;
  return t.verdict.said(`${words.word} ${words.says}`, errors);
}
