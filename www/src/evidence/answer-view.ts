import { UNRECOGNIZED } from "@countersign/ui/slice/unrecognized.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import { type AnswerBasis, type Doubt, isBounded } from "./answer.ts";
import type { FiledClaims } from "./filed-claims.ts";

/**
 * How a basis is shown: that of an `answer` on this page; as what was `searched`, if that answers nothing, because no
 * event has the name; or as `stated` by the examiner about an export that isn't here.
 */
export type BasisUse = "answer" | "searched" | "stated";

/** The person who chose the keys that are trusted. */
export type TrustOwner = "reader" | "author";

/** Facts besides the basis of an answer. */
interface BasisContext {
  readonly use?: BasisUse;
  readonly by?: TrustOwner;
  /** Altered events that a statement above the basis names. */
  readonly claims?: Pick<FiledClaims, "claims" | "altered" | "unread"> | undefined;
  /** True if the number of events that the search can't tell about is a button, which dispatches `show-search`. */
  readonly opensUnrecognized?: boolean;
}

/** Renders what an answer is based on: that nothing else can match, or each reason why more may match. */
export function basisView(
  basis: AnswerBasis,
  t: PageTexts,
  {
    use = "answer",
    by = use === "stated" ? "author" : "reader",
    claims,
    opensUnrecognized = false,
  }: BasisContext = {},
): TemplateResult {
  const isStated = use === "stated";
  const { ask } = t.evidence;
  const { figures } = t.viewer;
  const events = figures.events(basis.examined);
  const { doubts, entries, seen } = basis;
  if (doubts.length === 0 && entries !== undefined) {
    const all = {
      entries: figures.entries(entries),
      seen: seen === undefined ? undefined : moment(seen),
      events,
    };
    const others = entries === basis.examined ? nothing : html` ${ask.others(entries - basis.examined)}`;
    if (use === "searched")
      return html`<p class="basis" data-basis="searched">${icon("info")}<span>${ask.searched(all)}${others}</span></p>`;
    return isStated
      ? html`<p class="basis" data-basis="stated">${icon("unknown")}<span>${ask.statedAll(all)}${others}</span></p>`
      : html`<p class="basis tone-good" data-basis="all">${icon("pass")}<span>${ask.all(all)}${others}</span></p>`;
  }
  if (isBounded(basis)) {
    const words = isStated ? ask.statedBounds : ask.bounds;
    const bounds = doubts.map((doubt) => boundWords(doubt, words, t)).join(" ");
    return html`<p class="basis ${use === "answer" ? "tone-fair" : ""}" data-basis="bounded">${icon(BOUNDED_ICONS[use])}<span>${words.searched(events)} ${bounds}</span></p>`;
  }
  const untrusted = doubts.find((doubt) => doubt.is === "untrusted");
  const reasons = doubts.filter(isReason);
  const searched = (isStated ? ask.statedBounds : ask.bounds).searched(events);
  return html`
    <div class="basis tone-doubt" data-basis=${reasons.length === 0 ? "untrusted" : "part"}>
      ${icon("warning")}
      <div>
        ${
          untrusted === undefined
            ? html`<p>${searched} ${ask.part[partKind(reasons)]}</p>`
            : html`<p data-doubt="untrusted">${searched} ${ask.untrusted[by][untrusted.isAll ? "all" : "some"]}</p>${reasons.length === 0 ? nothing : html`<p>${ask.part[partKind(reasons)]}</p>`}`
        }
        <ul>${reasons.map((doubt) => html`<li data-doubt=${doubt.is}>${doubt.is === "unverified" ? unverifiedWords(doubt.events, { isStated, claims }, t) : doubtWords(doubt, { isStated, opensUnrecognized }, t)}</li>`)}</ul>
      </div>
    </div>
  `;
}

const BOUNDED_ICONS = { answer: "partial", searched: "info", stated: "unknown" } as const;

type Reason = Exclude<Doubt, { readonly is: "untrusted" }>;

/** True for a reason why other events may match. */
function isReason(doubt: Doubt): doubt is Reason {
  return doubt.is !== "untrusted";
}

/** Returns `is` if the export is only part of the log for certain. */
function partKind(reasons: readonly Reason[]): "is" | "may" {
  return reasons.some(({ is }) => is === "withheld" || is === "omitted") ? "is" : "may";
}

function boundWords(doubt: Doubt, words: PageTexts["evidence"]["ask"]["bounds"], t: PageTexts): string {
  const { count } = t.viewer.figures;
  switch (doubt.is) {
    case "part":
    case "range":
      return words[doubt.is]({ first: count(doubt.first), last: count(doubt.last) });
    case "claimed":
    case "revocable":
      return words[doubt.is];
    default:
      return words.chains;
  }
}

/** Returns that events don't verify, without repeating what a statement above says about them. */
function unverifiedWords(
  events: number,
  { isStated, claims }: Pick<BasisContext, "claims"> & { readonly isStated: boolean },
  t: PageTexts,
): string {
  const { ask } = t.evidence;
  if (claims?.altered !== events) return (isStated ? ask.statedDoubts : ask.doubts).unverified(events);
  const isNamed = claims.claims.length + claims.unread > 0;
  return isNamed ? ask.unverifiedAbove(events) : ask.unverifiedOther(events);
}

function doubtWords(
  doubt: Exclude<Reason, { is: "unverified" }>,
  { isStated, opensUnrecognized }: { readonly isStated: boolean; readonly opensUnrecognized: boolean },
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
      return html`${doubts.unrecognized(doubt.events, unrecognizedView(doubt.events, opensUnrecognized, t))}${opensUnrecognized ? html` ${ask.readUnrecognized(doubt.events)}` : nothing}`;
    case "unexamined":
      return doubts.unexamined(doubt.events);
    case "limits":
      return doubts.limits(doubt.rules);
    case "future":
      return doubts.future(doubt.events);
    case "part":
      return doubts.part({ first: figures.count(doubt.first), last: figures.count(doubt.last) });
    case "range":
      return doubts.range({ first: figures.count(doubt.first), last: figures.count(doubt.last) });
    case "later":
      return doubt.seen === undefined ? doubts.undated : doubts.later(moment(doubt.seen));
    default:
      return doubts[doubt.is];
  }
}

/** Renders a number of events that state no actor, no action, or no time; if `opens`, as a button that lists them. */
export function unrecognizedView(number: number, opens: boolean, t: PageTexts): TemplateResult | string {
  const events = t.viewer.figures.events(number);
  if (!opens || number === 0) return events;
  return html`<button type="button" class="link" name="unrecognized" aria-label=${t.evidence.ask.listUnrecognized(events)} @click=${emits("show-search", UNRECOGNIZED)}>${events}</button>`;
}

/** Returns how many of the examined events a search selects, with details such as their outcomes; empty if unknown. */
export function selectedWords(selected: number, examined: number, details: string, t: PageTexts): string {
  const { ask } = t.evidence;
  const { count, events } = t.viewer.figures;
  return selected === 0
    ? ask.none(events(examined))
    : ask.some({ selected: count(selected), events: events(examined), outcomes: details });
}
