import type { Tone } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { emit, emits } from "./emit.ts";
import type { PageTexts } from "./texts/en.ts";

/** Tabs of a result, in display order. */
export const TABS = [
  "summary",
  "events",
  "problems",
  "detections",
  "signers",
  "coverage",
  "technical",
] as const;

export type Tab = (typeof TABS)[number];

/** Numbers shown on tabs. */
export type Counts = Readonly<Partial<Record<Tab, number>>>;

/** Description of a number, if the tab's name doesn't say what it counts. */
export type About = Readonly<Partial<Record<Tab, string>>>;

/** Reason why there may be more items than the number on a tab. */
export interface MayBeMore {
  readonly why: string;
  /** True if the reason is shown in words, not as a plus sign. */
  readonly isWritten: boolean;
}

/** Severity of what a tab counts. */
export interface Severity {
  /** Its number, and its name, such as `2 errors`. */
  readonly words: string;
  readonly number: number;
  readonly tone: Tone;
}

export type Severities = Readonly<Partial<Record<Tab, Severity>>>;

export type More = Readonly<Partial<Record<Tab, MayBeMore>>>;

/** Returns the tab that an address names; the first tab by default. */
export function tabOf(hash: string): Tab {
  const named = new URLSearchParams(hash.slice(1)).get("tab");
  return TABS.find((tab) => tab === named) ?? "summary";
}

/** Returns an address with another tab. An anchor of the page is left alone. */
export function withTab(hash: string, tab: Tab): string {
  if (/^#[^=]+$/.test(hash)) return hash;
  const members = new URLSearchParams(hash.slice(1));
  members.set("tab", tab);
  return `#${members}`;
}

/** Renders the tabs of the available parts. */
export function tabsView(
  tabs: readonly Tab[],
  current: Tab,
  counts: Counts,
  about: About,
  more: More,
  severities: Severities,
  t: PageTexts,
): TemplateResult {
  return html`
    <div class="tabs" role="tablist" aria-label=${t.tabs.label} @keydown=${(event: KeyboardEvent) => moved(event, tabs, current)}>
      ${tabs.map(
        (tab) => html`
          <button
            type="button"
            role="tab"
            id="tab-${tab}"
            aria-controls="panel-${tab}"
            aria-selected=${tab === current}
            title=${about[tab] ?? nothing}
            tabindex=${tab === current ? 0 : -1}
            @click=${emits("open-tab", tab)}
          >${t.tabs.names[tab]}${isSaidBySeverity(counts[tab], more[tab], severities[tab]) ? nothing : countView(counts[tab], more[tab], t)}${severityView(severities[tab])}</button>`,
      )}
    </div>
  `;
}

/** True if the words of the severity have the same number. */
function isSaidBySeverity(
  count: number | undefined,
  more: MayBeMore | undefined,
  severity: Severity | undefined,
): boolean {
  return more === undefined && severity !== undefined && severity.number === count;
}

function countView(
  count: number | undefined,
  more: MayBeMore | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  return count === undefined
    ? nothing
    : html` <span class="count">${t.viewer.figures.count(count)}${moreView(more)}</span>`;
}

function severityView(severity: Severity | undefined): TemplateResult | typeof nothing {
  return severity === undefined
    ? nothing
    : html` <span class="count tab-severity tone-${severity.tone}">${severity.words}</span>`;
}

/** Renders the reason why there may be more items than the number on a tab. */
function moreView(more: MayBeMore | undefined): TemplateResult | typeof nothing {
  if (more === undefined) return nothing;
  return more.isWritten
    ? html` ${more.why}`
    : html`<span aria-hidden="true">+</span><span class="sr">, ${more.why}</span>`;
}

/** Renders the panel of a tab. All panels are in the document; one is shown. */
export function panelView(tab: Tab, current: Tab, content: unknown): TemplateResult {
  return html`
    <div class="panel-of" role="tabpanel" id="panel-${tab}" aria-labelledby="tab-${tab}" tabindex="-1" ?hidden=${tab !== current}>
      ${content}
    </div>
  `;
}

/** Moves to another tab on a key press. */
function moved(event: KeyboardEvent, tabs: readonly Tab[], current: Tab): void {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const list = event.currentTarget as HTMLElement;
  const ahead = getComputedStyle(list).direction === "rtl" ? -1 : 1;
  const steps: Readonly<Record<string, number>> = { ArrowRight: ahead, ArrowLeft: -ahead };
  const at = tabs.indexOf(current);
  const step = steps[event.key];
  const to =
    event.key === "Home"
      ? 0
      : event.key === "End"
        ? tabs.length - 1
        : step === undefined
          ? undefined
          : (at + step + tabs.length) % tabs.length;
  const tab = to === undefined ? undefined : tabs[to];
  if (tab === undefined) return;
  event.preventDefault();
  list.querySelector<HTMLElement>(`#tab-${tab}`)?.focus();
  emit(list, "open-tab", tab);
}
