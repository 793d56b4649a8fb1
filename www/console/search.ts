/** The section Search: one search box, for the loaded events and for the whole log. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { reasonOf } from "@countersign/ui/viewer/search/selection.js";
import { coversWholeLog } from "@countersign/ui/viewer/session/facts.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../src/emit.ts";
import type { Search } from "./search-runner.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { refusalView } from "./words.ts";

interface SearchViewInput {
  /** The loaded events. */
  readonly loaded: Search;
  /** The search of the whole log. */
  readonly found: Search;
  /** The query for the whole log; empty for none. */
  readonly query: string;
  /** The query in the viewer's search box. */
  readonly viewerQuery: string;
  /** Reason why the viewer's search box isn't settled; undefined if it is. */
  readonly unsettled: string | undefined;
  /** Renders the viewer with this content in its slots. */
  readonly viewer: (slotted: TemplateResult | typeof nothing) => TemplateResult | typeof nothing;
  /** Searches the whole log; with an empty query, shows the loaded events again. */
  readonly ask: (query: string) => void;
  readonly cancel: () => void;
  readonly loadWhole: () => void;
}

/** Renders the search box with the events. */
export function searchView(input: SearchViewInput, t: ConsoleTexts): TemplateResult {
  const { loaded, query, viewer } = input;
  return html`
    ${loaded.isAsking && loaded.session === undefined ? html`<progress aria-label=${t.search.loading}></progress>` : nothing}
    ${loaded.isEmpty ? emptyView(t) : nothing}
    ${loaded.boundary === undefined || loaded.session === undefined ? nothing : html`<p class="help boundary">${icon("pin")}${t.search.boundary(loaded.boundary)}</p>`}
    ${loaded.isEmpty ? nothing : viewer(query === "" ? offerView(input, t) : foundView(input, t))}
  `;
}

/** Renders that the log is empty, and how to see its first event. */
function emptyView(t: ConsoleTexts): TemplateResult {
  return html`
    <p class="empty">${t.search.emptyLog}</p>
    <p class="help">${t.search.emptyNext}</p>
    <div class="buttons"><button type="button" class="primary" @click=${emits("begin-live")}>${t.verified.live}</button></div>`;
}

/** Renders the button that searches the whole log, if not all of it is loaded. */
function offerView(
  { loaded: { session }, viewerQuery, unsettled, ask }: SearchViewInput,
  t: ConsoleTexts,
): TemplateResult | typeof nothing {
  const isAll = session?.report !== undefined && coversWholeLog(session.report);
  if (isAll || viewerQuery === "") return nothing;
  return html`
    <div slot="search" class="asked">
      <button type="button" class="primary" aria-disabled=${unsettled !== undefined} aria-describedby="everywhere-help" @click=${() => unsettled === undefined && ask(viewerQuery)}>${t.search.everywhere}</button>
      <span id="everywhere-help" class="help">${unsettled ?? t.search.onlyLoaded}</span>
    </div>`;
}

/** Renders what the search of the whole log found, and how far that can be relied on. */
function foundView(
  { found, query, ask, cancel, loadWhole }: SearchViewInput,
  t: ConsoleTexts,
): TemplateResult {
  const { session, refusal, isAsking } = found;
  const back = html`<button type="button" @click=${() => ask("")}>${t.search.back}</button>`;
  return html`
    <div slot="search" class="asked found" data-found=${session?.report?.verdict ?? nothing}>
      <p>${icon("search")}<span>${refusal === undefined ? t.search.found : t.search.asked} <code dir="ltr">${value(query, 200)}</code>${session === undefined || isAsking ? nothing : html`: ${numberView(session, Number(found.conditions.limit), t)}`}</span></p>
      ${refusal === undefined ? nothing : refusalView(refusal, t)}
      ${isAsking ? html`<progress aria-label=${t.search.searching}></progress><button type="button" @click=${cancel}>${t.extent.cancel}</button>` : nothing}
      ${session === undefined || isAsking ? nothing : resultView(session, loadWhole, t)}
      ${back}
    </div>`;
}

function numberView({ report }: Session, limit: number, t: ConsoleTexts): TemplateResult | typeof nothing {
  if (report === undefined) return nothing;
  const { events } = report.counts;
  return html`<strong>${t.search.number(events, events === limit)}</strong>`;
}

/**
 * Renders how far the events found can be relied on. The log proves that they are in it, not that they are all. A
 * verdict worse than `partial` is shown in its own words.
 */
function resultView(
  { verification, compared, failure }: Session,
  loadWhole: () => void,
  t: ConsoleTexts,
): TemplateResult {
  if (verification === undefined)
    return html`<p class="state tone-bad" role="alert">${icon("fail")}<span>${failure === undefined ? t.verified.failed : value(failure.message, 1000)}</span></p>`;
  const { verdict, checks } = verification.report;
  const { tone, icon: drawing, word, says } = verdictWords(verification, t.viewer, { compared });
  const isProven = verdict === "verified" || verdict === "partial";
  if (!isProven)
    return html`<p class="state tone-${tone}" role=${tone === "bad" ? "alert" : nothing}>${icon(drawing)}<span>${word} ${says}</span></p>`;
  return html`
    <p class="help">${checks.log.state === "pass" ? t.search.proven : t.search.signed} ${t.search.couldOmit}</p>
    <button type="button" @click=${loadWhole}>${t.search.loadWhole}</button>`;
}

/** Returns why the content of a viewer's search box isn't settled; undefined if it is. */
export function unsettledOf(viewer: Viewer | null, { viewer: texts }: ConsoleTexts): string | undefined {
  const selection = viewer?.selection;
  if (selection?.state === "counting")
    return selection.wait === "typing" ? texts.selection.typing : undefined;
  return selection && reasonOf(selection, texts, true);
}
