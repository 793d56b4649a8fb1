/** The head of a section: the entries it covers, the trust file they were verified with, and their verdict. */

import type { Coverage } from "@countersign/ui/index/types.js";
import { containsEntry } from "@countersign/ui/viewer/parts/ranges.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { completeRange, coversWholeLog } from "@countersign/ui/viewer/session/facts.js";
import type { Link } from "@countersign/ui/viewer/session/live-connection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import "@countersign/ui/viewer/verdict/verdict-strip.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emit, emits } from "../src/emit.ts";
import type { Conditions } from "./address.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Scope, Verified } from "./verified.ts";

interface HeadInput {
  /** The sessions that the reader can choose from. */
  readonly all: readonly Verified[];
  readonly shown: Verified;
  /** The form that loads other entries, for a section that covers the loaded ones. */
  readonly extent: TemplateResult | typeof nothing;
  /** Connection of the live view. */
  readonly link: Link | undefined;
}

/** Renders the head. Every section says the same words about the same events. */
export function headView({ all, shown, extent, link }: HeadInput, t: ConsoleTexts): TemplateResult {
  const { session, coverage, from } = shown;
  const isShown = (index: number) => coverage !== undefined && containsEntry(coverage.listed, index);
  return html`
    <div class="section-head" data-scope=${from}>
      <div class="section-covers">
        <p class="section-scope">${scopeView(shown, t)} ${trustView(session, t)}</p>
        ${from === "search" ? extent : nothing}
      </div>
      ${all.length > 1 ? sourceView(all, shown, t) : nothing}
      <cs-verdict
        bare
        .session=${session}
        .link=${from === "live" ? link : undefined}
        .texts=${t.viewer}
        .isShown=${isShown}
        @show-line=${(event: CustomEvent<number>) => emit(event.currentTarget, "show-verified-line", event.detail)}
      ></cs-verdict>
    </div>
  `;
}

/** Returns the first and the last entry among those that were loaded; undefined if there are none. */
function boundsOf(coverage: Coverage | undefined): readonly [number, number] | undefined {
  const all = coverage === undefined ? [] : [coverage.shown, coverage.withheld];
  const used = all.filter(({ length }) => length > 0);
  if (used.length === 0) return undefined;
  const first = Math.min(...used.map((ranges) => ranges[0] ?? 0));
  const end = Math.max(...used.map((ranges) => ranges.at(-1) ?? 0));
  return [first, end - 1];
}

/** Renders the entries: their range, number and time. */
function scopeView({ session, coverage, scope, from }: Verified, t: ConsoleTexts): TemplateResult {
  const { head } = t;
  const { report } = session;
  const { conditions } = scope;
  const log = report?.origin ? html`${head.log} ${value(report.origin, 120)}` : head.thisLog;
  const query =
    conditions === undefined || conditions.query === ""
      ? nothing
      : html`${head.matching} <code dir="ltr">${value(conditions.query, 200)}</code>`;
  const events = report === undefined ? nothing : html` (${eventsWords(report, t)})`;
  const followed = from === "live" ? html`, ${head.followed}` : nothing;
  return html`${head.covers} <strong>${rangeWords(report, coverage, conditions, t)} ${head.of} ${log}</strong>${query === nothing ? nothing : html` ${query}`}${events}${followed}${whenView(scope, t)}.`;
}

function rangeWords(
  report: Report | undefined,
  coverage: Coverage | undefined,
  conditions: Conditions | undefined,
  t: ConsoleTexts,
): string {
  const { head } = t;
  const { count, entries } = t.viewer.figures;
  if (report !== undefined) {
    const range = completeRange(report);
    if (coversWholeLog(report)) return head.whole(report.log?.size ?? 0);
    if (range !== undefined) return head.range({ first: count(range[0]), last: count(range[1] - 1) });
    const bounds = boundsOf(coverage);
    if (bounds !== undefined)
      return head.between({
        number: entries(report.counts.entries),
        first: count(bounds[0]),
        last: count(bounds[1]),
      });
    return entries(report.counts.entries);
  }
  if (conditions === undefined) return head.newestEntries;
  const { limit, from, to } = conditions;
  if (from !== "" || to !== "") return head.asked({ from, to });
  return limit === "" ? head.allEvents : head.newest(Number(limit));
}

/** Returns the number of events, and when they were recorded by their emitters' clocks. */
function eventsWords({ counts, signers }: Report, t: ConsoleTexts): string {
  const events = t.viewer.figures.events(counts.events);
  const [first] = signers.map(({ first }) => first).sort();
  const last = signers
    .map(({ last }) => last)
    .sort()
    .at(-1);
  if (first === undefined || last === undefined) return events;
  const days = new Intl.DateTimeFormat(t.page.viewer.lang, { dateStyle: "medium", timeZone: "UTC" });
  return `${events}, ${t.head.recorded(days.formatRange(new Date(first), new Date(last)))}`;
}

function whenView({ conditions, at }: Scope, t: ConsoleTexts): TemplateResult | typeof nothing {
  if (at === undefined) return nothing;
  const time = new Intl.DateTimeFormat(t.page.viewer.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  }).format(at);
  return html`, ${conditions === undefined ? t.head.since : t.head.loaded} <time datetime=${at.toISOString()}>${time}</time>`;
}

/** Renders the trust file that the session was verified with. */
function trustView({ trust, trustName }: Session, t: ConsoleTexts): TemplateResult {
  if (trust === undefined) return html`<span class="tone-doubt">${t.head.noTrust}</span>`;
  return html`${trustName === undefined ? t.head.ownKeys : html`${t.head.trust} ${value(trustName, 60)}.`}`;
}

function sourceView(all: readonly Verified[], shown: Verified, t: ConsoleTexts): TemplateResult {
  return html`
    <fieldset class="source">
      <legend>${t.verified.source}</legend>
      ${all.map(
        ({ from }) => html`
          <label class="choice">
            <input
              type="radio"
              name="source"
              .checked=${from === shown.from}
              @change=${emits("choose-source", from)}
            />
            <span>${t.verified.sources[from]}</span>
          </label>`,
      )}
    </fieldset>
  `;
}
