import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import type { PageTexts } from "../texts/en.ts";
import { type AnswerBasis, type Doubt, isBounded } from "./answer.ts";
import type { FiledClaims } from "./filed-claims.ts";

/** Facts besides the basis of an answer. */
interface BasisContext {
  /** True if the events aren't here, so that all of it is the examiner's statement about the export [default: false]. */
  readonly isStated?: boolean;
  /** Altered events that a statement above the basis names. */
  readonly claims?: Pick<FiledClaims, "claims" | "altered" | "unread"> | undefined;
}

/** Renders what an answer is based on: that nothing else can match, or each reason why more may match. */
export function basisView(
  basis: AnswerBasis,
  t: PageTexts,
  { isStated = false, claims }: BasisContext = {},
): TemplateResult {
  const { ask } = t.evidence;
  const { figures } = t.viewer;
  const events = figures.events(basis.examined);
  const { doubts, entries, seen } = basis;
  if (doubts.length === 0 && entries !== undefined) {
    const all = [figures.entries(entries), seen === undefined ? undefined : moment(seen), events] as const;
    const others = entries === basis.examined ? nothing : html` ${ask.others(entries - basis.examined)}`;
    return isStated
      ? html`<p class="basis" data-basis="stated">${icon("unknown")}<span>${ask.statedAll(...all)}${others}</span></p>`
      : html`<p class="basis tone-good" data-basis="all">${icon("pass")}<span>${ask.all(...all)}${others}</span></p>`;
  }
  if (isBounded(basis)) {
    const words = isStated ? ask.statedBounds : ask.bounds;
    const bounds = doubts.map((doubt) => boundWords(doubt, words, t)).join(" ");
    return html`<p class="basis ${isStated ? "" : "tone-fair"}" data-basis="bounded">${icon(isStated ? "unknown" : "partial")}<span>${words.searched(events)} ${bounds}</span></p>`;
  }
  return html`
    <div class="basis tone-doubt" data-basis="part">
      ${icon("warning")}
      <div>
        <p>${isStated ? ask.statedPart(events) : ask.part(events)}</p>
        <ul>${doubts.map((doubt) => html`<li data-doubt=${doubt.is}>${doubt.is === "unverified" ? unverifiedWords(doubt.events, { isStated, claims }, t) : doubtWords(doubt, isStated, t)}</li>`)}</ul>
      </div>
    </div>
  `;
}

function boundWords(doubt: Doubt, words: PageTexts["evidence"]["ask"]["bounds"], t: PageTexts): string {
  const { count } = t.viewer.figures;
  switch (doubt.is) {
    case "part":
    case "range":
      return words[doubt.is](count(doubt.first), count(doubt.last));
    case "claimed":
    case "revocable":
      return words[doubt.is];
    default:
      return words.chains;
  }
}

/** Returns that events don't verify, without repeating what a statement above says about them. */
function unverifiedWords(events: number, { isStated, claims }: BasisContext, t: PageTexts): string {
  const { ask } = t.evidence;
  if (claims?.altered !== events) return (isStated ? ask.statedDoubts : ask.doubts).unverified(events);
  const isNamed = claims.claims.length + claims.unread > 0;
  return isNamed ? ask.unverifiedAbove(events) : ask.unverifiedOther(events);
}

function doubtWords(
  doubt: Exclude<Doubt, { is: "unverified" }>,
  isStated: boolean,
  t: PageTexts,
): TemplateResult | string {
  const { ask } = t.evidence;
  // "This file" is the evidence then, which isn't the export that was searched.
  const doubts = isStated ? { ...ask.doubts, ...ask.statedDoubts } : ask.doubts;
  const { figures } = t.viewer;
  switch (doubt.is) {
    case "withheld":
      return doubts.withheld(doubt.events);
    case "omitted":
      return doubts.omitted(doubt.entries);
    case "unrecognized":
      return doubts.unrecognized(doubt.events);
    case "unexamined":
      return doubts.unexamined(doubt.events);
    case "limits":
      return doubts.limits(doubt.rules);
    case "future":
      return doubts.future(doubt.events);
    case "part":
      return doubts.part(figures.count(doubt.first), figures.count(doubt.last));
    case "range":
      return doubts.range(figures.count(doubt.first), figures.count(doubt.last));
    case "later":
      return doubt.seen === undefined ? doubts.undated : doubts.later(moment(doubt.seen));
    default:
      return doubts[doubt.is];
  }
}

/** Returns how many of the examined events a search selects, with details such as their outcomes; empty if unknown. */
export function selectedWords(selected: number, examined: number, details: string, t: PageTexts): string {
  const { ask } = t.evidence;
  const { count, events } = t.viewer.figures;
  return selected === 0 ? ask.none(events(examined)) : ask.some(count(selected), events(examined), details);
}
