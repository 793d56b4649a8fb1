import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import type { PageTexts } from "../texts/en.ts";
import { actionsView } from "./actions-view.ts";
import { presentView } from "./alternatives-view.ts";
import { answerBasis, isPartial } from "./answer.ts";
import { delaysView, searchedDelaysView } from "./answer-notes.ts";
import { answerRows } from "./answer-rows.ts";
import { outcomeWords } from "./answer-sentence.ts";
import { basisView, selectedWords } from "./answer-view.ts";
import { filedClaimsView } from "./claims-view.ts";
import { dayText } from "./day-text.ts";
import { detectionsView } from "./detections-view.ts";
import type { Filed } from "./filed.ts";
import type { FiledFacts } from "./filed-facts.ts";
import type { Frame, Sample } from "./frame.ts";
import { missingNamesView } from "./missing-names-view.ts";
import { onBehalfView } from "./on-behalf.ts";
import { outsideDaysView } from "./outside-days.ts";
import { differenceView } from "./own-answer-view.ts";
import type { OwnCheck } from "./own-check.ts";
import { parseQuestion } from "./question-terms.ts";
import { isStatement, queryView, questionWords } from "./question-view.ts";
import { statedWords } from "./stated-days.ts";

/** Facts that this page knows about an evidence file by now. */
export interface ShownCase {
  /** True if the reader can choose a trust file beside what is said about the keys. */
  readonly choosesTrust: boolean;
  /** True if a press on an event shows its details. */
  readonly opensEvents: boolean;
  readonly check: OwnCheck;
  /** True if the export is verified by keys that the reader chose. */
  readonly isOwnTrust: boolean;
}

/** Renders the case: the question, the answer and who vouches for it, the verdict, who examined it, and the events. */
export function caseView(filed: Filed, shown: ShownCase, t: PageTexts): TemplateResult {
  const { frame, why } = filed;
  const texts = t.evidence.filed;
  const whole = verdictWords({ report: frame.report, phrases: {}, why }, t.viewer);
  const { says } = whole;
  const word = byAuthorWords(whole.word, t);
  const { figures } = t.viewer;
  const fact = (name: string, content: unknown) => html`<div><dt>${name}</dt><dd>${content}</dd></div>`;
  // A good verdict by the file's own trust file isn't about keys that the reader trusts.
  const isGood = whole.tone === "good" || whole.tone === "fair";
  const verdict = html`<strong>${word}</strong> ${isGood ? texts.byAuthor : value(says, 2000)}`;
  const facts = shown.check.is === "done" ? shown.check.facts : undefined;
  const listed = facts?.first ?? [];
  return html`
    <h2 id="filed-heading" tabindex="-1">${dayText(questionWords(frame, t))}</h2>
    ${queryView(frame, t)}
    ${answerView(filed, shown, t)}
    <dl class="facts case-facts">
      ${frame.reference === "" ? nothing : fact(texts.reference, value(frame.reference, 1000))}
      ${frame.examiner === "" ? nothing : fact(texts.examiner, value(frame.examiner, 1000))}
      ${fact(texts.examinedAt, moment(frame.time))}
      ${shown.isOwnTrust ? fact(texts.ownVerdict, ownVerdictView(frame, shown.check, t)) : nothing}
      ${frame.slice === null ? fact(texts.verdict, verdict) : nothing}
      ${fact(texts.file, html`${value(frame.file.name)}, ${figures.bytes(frame.file.size)}<br />SHA-256 <code class="hash">${frame.file.sha256}</code>`)}
    </dl>
    ${frame.slice === null ? nothing : html`<p class="basis tone-${whole.tone}" data-whole=${frame.report.verdict}>${icon(whole.icon)}<span>${texts.whole} ${verdict} ${texts.wholeAbout}</span></p>`}
    ${
      facts === undefined || listed.length === 0
        ? nothing
        : html`
          ${facts.read > listed.length ? html`<p class="help">${t.evidence.ask.first({ shown: figures.count(listed.length), of: figures.events(facts.read) })}</p>` : nothing}
          <div class="filed-table" tabindex="0">${answerRows({ rows: listed, changes: facts.changes, opens: shown.opensEvents }, t)}</div>`
    }
  `;
}

/** True if a search on the page finds what the file's search could have found. */
export function opensSearches(
  { slice, scope }: Frame,
  { opensEvents, check }: Pick<ShownCase, "opensEvents" | "check">,
): boolean {
  return opensEvents && check.is === "done" && slice === null && scope.range === null;
}

/** Renders how late events were recorded, and which others the answer leaves out, if that is known. */
function notesView(facts: FiledFacts | undefined, t: PageTexts): TemplateResult | typeof nothing {
  if (facts === undefined) return nothing;
  const { further, outside, searched } = facts;
  const { ask, filed } = t.evidence;
  const wider = further?.wider;
  return html`
    ${further?.present.map((one) => presentView(one, ask)) ?? nothing}
    ${further === undefined ? nothing : onBehalfView(further, t)}
    ${further === undefined || wider === 0 ? nothing : html`<p class="ask-more" data-wider=${wider ?? "unknown"}><span>${wider === undefined ? ask.widerUnknown : filed.wider(wider)}</span></p>`}
    ${delaysView(facts, t)}
    ${searched === undefined || searched.read === facts.read ? nothing : searchedDelaysView(searched, t)}
    ${outsideDaysView(outside, t)}
  `;
}

/** Returns the words of a verdict by the trust file in the file: it is its author who doesn't trust a key. */
function byAuthorWords(word: string, { evidence, viewer }: PageTexts): string {
  const { verdicts, logUntrusted } = viewer.result;
  const { untrusted, log } = evidence.filed.authorsVerdict;
  return word === verdicts.untrusted.word ? untrusted : word === logUntrusted.word ? log : word;
}

/** Renders the verdict by the reader's trust file. It is never better than that of the export behind the events. */
function ownVerdictView({ slice, report }: Frame, check: OwnCheck, t: PageTexts): TemplateResult | string {
  const { own } = t.evidence;
  if (check.is !== "done") return own[check.is];
  const { tone, word, says } = verdictWords(check.judged, t.viewer, { compared: check.compared });
  const isGood = tone === "good" || tone === "fair";
  if (slice !== null && faultOf(report) !== undefined) {
    const source = verdictWords({ report, phrases: {}, why: null }, t.viewer).word;
    const here = t.viewer.figures.events(check.judged.report.counts.events);
    return html`${isGood ? own.unchangedHere(here) : html`<strong>${word}</strong> ${value(says, 2000)}`} <strong class="tone-bad">${own.exportBehind(source)}</strong>`;
  }
  return html`<strong>${word}</strong> ${value(says, 2000)}`;
}

/**
 * Renders the answer of a report with a query or rules, and who vouches for it. An answer that the file contains is by
 * the reader's own check, and not shown before that ends.
 */
export function answerView(
  { frame, claims, isOwnRules }: Pick<Filed, "frame" | "claims" | "isOwnRules">,
  { check, opensEvents }: Pick<ShownCase, "check" | "opensEvents">,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const { detections, slice, query } = frame;
  const { examined, events, range } = frame.scope;
  if (detections !== null)
    return slice === null && check.is !== "done"
      ? pendingView(check, t)
      : detectionsView(frame, detections, check.is === "done" ? check : undefined, isOwnRules, t);
  const notes = notesView(check.is === "done" ? check.facts : undefined, t);
  if (examined === null) return html`${allView(frame, t)}${notes}`;
  if (frame.slice !== null) return statedView({ frame, claims }, examined, { check, opensEvents }, t);
  if (check.is !== "done") return pendingView(check, t);
  const { filed: texts, own: words } = t.evidence;
  const { figures } = t.viewer;
  const { judged, answer, facts } = check;
  const searched = answer?.searched;
  const all = figures.events(examined.events);
  const details = detailsOf(facts, searched?.selected ?? events, query ?? "", t);
  const basis = answerBasis(
    judged.report,
    searched ?? examined,
    { query: query ?? "", until: facts?.asksUntil },
    range,
  );
  const missing = facts?.missing;
  const isPlain = claims === undefined && missing === undefined;
  const mark = claims !== undefined ? "unknown" : missing !== undefined ? "info" : "pass";
  return html`
    <p class="case-answer"><strong>${searched === undefined ? selectedWords(events, examined.events, details, t) : words.selected({ selected: figures.count(searched.selected), events: figures.events(searched.events), outcomes: details })}</strong></p>
    ${filedClaimsView(claims, opensEvents, t)}
    ${facts === undefined ? nothing : actionsView(facts, t)}
    ${missing === undefined ? nothing : missingNamesView(missing, isPartial(basis), t)}
    ${differenceView(answer, t)}
    <p class="basis ${isPlain ? "tone-good" : ""}" data-vouched="contained">${icon(mark)}<span>${searched === undefined ? texts.contained(all) : words.contained({ selected: figures.count(events), events: all })}</span></p>
    ${basisView(basis, t, { use: missing === undefined ? "answer" : "searched", by: answer === undefined ? "author" : "reader", claims, opensUnrecognized: opensSearches(frame, { check, opensEvents }) })}
    ${notes}
  `;
}

/** Returns the outcomes and the stated times of the selected events, if all were read; otherwise an empty string. */
function detailsOf(facts: FiledFacts | undefined, selected: number, query: string, t: PageTexts): string {
  if (facts === undefined || selected === 0 || facts.read !== selected) return "";
  const asked = parseQuestion(query);
  const outcomes = outcomeWords(facts.outcomes, selected, t.evidence.ask, t.viewer.figures.count);
  const stated = asked === undefined ? "" : statedWords(facts.days, asked, t);
  return [outcomes, stated].filter((words) => words !== "").join("; ");
}

/**
 * Renders that all events of the export were selected, or a sample of them; or that the author states something about all
 * of them.
 */
function allView(frame: Frame, t: PageTexts): TemplateResult {
  const { scope, report, slice } = frame;
  const texts = t.evidence.filed;
  const { count, events } = t.viewer.figures;
  const all = events(scope.events);
  const { sample } = scope;
  const here = isStatement(frame) ? events(slice?.events ?? 0) : undefined;
  const words = () => {
    if (sample !== null)
      return texts.sampleOf({ drawn: count(sample.entries.length), of: events(sample.candidates) });
    if (scope.range !== null) {
      const within = { events: all, first: count(scope.range[0]), last: count(scope.range[1] - 1) };
      return here === undefined ? texts.allWithin(within) : texts.statedWithin({ ...within, here });
    }
    if (here !== undefined) return texts.statedAbout({ events: all, here });
    const isPart = faultOf(report) !== undefined && report.counts.events > scope.events;
    return isPart
      ? texts.allVerified({ events: count(scope.events), of: events(report.counts.events) })
      : texts.allOf(all);
  };
  return html`
    <p class="case-answer"><strong>${words()}</strong></p>
    ${sample === null ? nothing : seedView(sample, t)}
  `;
}

/** Renders the seed of a sample. */
function seedView({ seed }: Sample, t: PageTexts): TemplateResult {
  return html`<p data-seed>${t.evidence.make.seed}: <code>${value(seed, 1000)}</code></p>`;
}

/** Renders that the reader's own check hasn't ended, in the place of an answer. */
function pendingView({ is }: Exclude<OwnCheck, { is: "done" }>, t: PageTexts): TemplateResult {
  return html`<p class="case-answer" role="status" data-vouched=${is}>${t.evidence.own[is]}</p>`;
}

/** Renders an answer that the examiner states about an export that isn't in the file. */
function statedView(
  { frame, claims }: Pick<Filed, "frame" | "claims">,
  examined: NonNullable<Frame["scope"]["examined"]>,
  { check, opensEvents }: Pick<ShownCase, "check" | "opensEvents">,
  t: PageTexts,
): TemplateResult {
  const { events, sample } = frame.scope;
  const { count, events: eventsOf } = t.viewer.figures;
  const facts = check.is === "done" ? check.facts : undefined;
  const details = detailsOf(facts, events, frame.query ?? "", t);
  return html`
    <p class="case-answer"><strong>${selectedWords(events, examined.events, details, t)}</strong></p>
    ${sample === null ? nothing : html`<p><strong>${t.evidence.filed.sampleOf({ drawn: count(sample.entries.length), of: eventsOf(sample.candidates) })}</strong></p>${seedView(sample, t)}`}
    ${filedClaimsView(claims, opensEvents, t)}
    ${facts === undefined ? nothing : actionsView(facts, t)}
    ${check.is === "done" ? differenceView(check.answer, t) : html`<p class="help" role="status">${t.evidence.own[check.is]}</p>`}
    <p class="basis tone-doubt" data-vouched="stated">${icon("warning")}<span>${t.evidence.filed.stated}</span></p>
    ${basisView(answerBasis(frame.report, examined, { query: frame.query ?? "", until: check.is === "done" ? check.facts?.asksUntil : undefined }, frame.scope.range), t, { use: "stated", claims })}
    ${notesView(facts, t)}
  `;
}
