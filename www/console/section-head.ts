/** The head of a section: the events it covers, and their verdict. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { comparedWords } from "@countersign/ui/viewer/verdict/trust-compared-view.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import { html, nothing, type TemplateResult } from "lit";
import { type Conditions, counted } from "./address.ts";
import type { ConsoleTexts } from "./texts/index.ts";

/** Extent and time of what was loaded. */
export interface Scope {
  /** Conditions of the request; undefined for the live view. */
  readonly conditions: Conditions | undefined;
  /** When it was loaded, or when the live view began; undefined while loading. */
  readonly at: Date | undefined;
}

/** Renders which events a section covers; with `hasVerdict`, also their verdict. */
export function headView(
  { session, scope }: { readonly session: Session; readonly scope: Scope },
  hasVerdict: boolean,
  t: ConsoleTexts,
): TemplateResult {
  const { report } = session;
  const events = report === undefined ? nothing : html` (${t.viewer.figures.events(report.counts.events)})`;
  return html`
    <div class="section-head" data-scope=${scope.conditions === undefined ? "live" : "search"}>
      <p class="section-scope">${t.head.covers} <strong>${scopeWords(scope, report?.origin ?? undefined, t)}</strong>${events}${whenView(scope, t)}.</p>
      ${hasVerdict ? sectionVerdict(session, t) : nothing}
    </div>
  `;
}

function scopeWords({ conditions }: Scope, origin: string | undefined, t: ConsoleTexts): TemplateResult {
  const log = origin === undefined ? t.head.thisLog : html`${t.head.log} ${value(origin, 120)}`;
  if (conditions === undefined) return html`${t.head.live} ${log}`;
  const { query, limit, from, to } = conditions;
  const which = limit === "" ? t.head.allEvents : t.head.newest(Number(limit));
  const bounds = from === "" && to === "" ? nothing : html`, ${t.head.between(from, to)}`;
  return query === ""
    ? html`${counted(conditions) === 0 ? t.head.whole : which} ${t.head.of} ${log}${bounds}`
    : html`${t.head.found(which)} ${log}${bounds}: <code dir="ltr">${value(query, 200)}</code>`;
}

function whenView({ conditions, at }: Scope, t: ConsoleTexts): TemplateResult | typeof nothing {
  if (at === undefined) return nothing;
  const time = new Intl.DateTimeFormat(t.page.viewer.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  }).format(at);
  return html`, ${conditions === undefined ? t.head.since : t.head.loaded} <time datetime=${at.toISOString()}>${time}</time>`;
}

/** Renders the verdict in a line. Without a trust file nothing is called verified. */
function sectionVerdict({ verification, trust, compared }: Session, t: ConsoleTexts): TemplateResult {
  if (verification === undefined)
    return html`<p class="section-verdict state tone-faint">${icon("waiting")}${t.verified.waiting}</p>`;
  const { verdict } = verification.report;
  const words = verdictWords(verification, t.viewer, { compared });
  const isNobodys = trust === undefined && (verdict === "untrusted" || verdict === "not_checked");
  const mismatch = comparedWords(compared, t.viewer);
  const says = isNobodys ? t.head.noTrust : `${words.word} ${mismatch}`.trim();
  return html`<p class="section-verdict state tone-${words.tone}" data-verdict=${verdict}>${icon(words.icon)}<span>${says}</span></p>`;
}
