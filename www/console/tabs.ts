import { html, nothing, type TemplateResult } from "lit";
import {
  type Conditions,
  DEFAULT_EXTENT,
  GROUPS,
  type Group,
  groupOf,
  ROOT_TABS,
  readTab,
  sectionsOf,
  TABS,
  type Tab,
  writeFragment,
} from "./address.ts";
import type { Follower } from "./follower.ts";
import { stateView } from "./live.ts";
import type { ConsoleTexts } from "./texts/index.ts";

/** The current section, and the fragments of the others when they were left. */
export class Tabs {
  all: readonly [Tab, ...Tab[]] = TABS;
  current: Tab = readTab(location.hash);
  /** The events to load, and the query for the whole log, which the address keeps. */
  #extent: Conditions = DEFAULT_EXTENT;
  #query = "";
  readonly #left = new Map<Tab, string>();
  /** The section of each group that was shown last. */
  readonly #last = new Map<Group, Tab>();

  constructor() {
    this.#remember();
  }

  /** True if the sections are grouped. Those of a root log's console are few. */
  get isGrouped(): boolean {
    return this.all === TABS;
  }

  /** Switches to the sections of a root log's console. */
  useTenants(): void {
    this.all = ROOT_TABS;
    this.current = readTab(location.hash, ROOT_TABS);
  }

  fragment(tab: Tab): string {
    return writeFragment(this.#left.get(tab) ?? "", { tab, extent: this.#extent, query: this.#query });
  }

  /** Returns the address of a section. */
  address(tab: Tab): string {
    return new URL(this.fragment(tab), location.href).href;
  }

  /** Returns the section that a group's link leads to. */
  sectionOf(group: Group): Tab {
    return this.#last.get(group) ?? sectionsOf(group)[0];
  }

  go(tab: Tab): void {
    location.hash = this.fragment(tab);
  }

  /** Goes to a section whose viewer then shows a line. */
  show(tab: Tab, prefix: string, line: number): void {
    const params = new URLSearchParams(this.fragment(tab).slice(1));
    params.set(`${prefix}line`, String(line));
    location.hash = `#${params}`;
  }

  /** Handles a change of the page's fragment. */
  moved({ oldURL }: HashChangeEvent): void {
    const before = new URL(oldURL).hash;
    this.#left.set(readTab(before, this.all), before);
    this.current = readTab(location.hash, this.all);
    this.#remember();
  }

  /** Writes the events to load, and the query for the whole log, into the address. */
  write(extent: Conditions, query: string): void {
    this.#extent = extent;
    this.#query = query;
    const fragment = writeFragment(location.hash, {
      // A click changes the address before `current` follows it.
      tab: readTab(location.hash, this.all),
      extent,
      query,
    });
    history.replaceState(history.state, "", fragment);
  }

  /** Forgets what the reader did, also in the address. */
  forget(): void {
    this.#left.clear();
    this.#last.clear();
    this.#extent = DEFAULT_EXTENT;
    this.#query = "";
    history.replaceState(null, "", this.fragment(this.current));
    this.#remember();
  }

  #remember(): void {
    const group = groupOf(this.current);
    if (group !== undefined) this.#last.set(group, this.current);
  }
}

/** Scrolls the current section's link into view if the links are one long row. */
export function bringIntoView(list: HTMLElement): void {
  const tab = list.querySelector<HTMLElement>("[aria-current]")?.parentElement;
  if (tab === null || tab === undefined) return;
  list.scrollLeft = tab.offsetLeft - list.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
}

/** Renders links to the groups and to the sections of the current one, and the state of the live view elsewhere. */
export function tabsView(
  tabs: Tabs,
  { watch, isFollowing, isConnected }: Follower,
  t: ConsoleTexts,
): TemplateResult {
  const { current, isGrouped } = tabs;
  const group = isGrouped ? groupOf(current) : undefined;
  const sections = group === undefined ? [] : sectionsOf(group);
  return html`
    <nav class="sections" aria-label=${t.tabsName}>
      <ul class="tabs">
        ${
          isGrouped
            ? html`${linkView(tabs, "overview", t)}${(Object.keys(GROUPS) as Group[]).map((one) => groupView(tabs, one, isConnected, t))}`
            : tabs.all.map((tab) => linkView(tabs, tab, t))
        }
      </ul>
      ${
        group === undefined || sections.length < 2
          ? nothing
          : html`<ul class="tabs tabs-in-group" aria-label=${t.groups[group]}>${sections.map((tab) => linkView(tabs, tab, t, tab === "live" && isConnected))}</ul>`
      }
      ${current !== "live" && watch !== undefined && isFollowing ? html`<div class="behind">${stateView(watch, t)}<span class="faint">${t.live.goesOn}</span></div>` : nothing}
    </nav>
  `;
}

function groupView(tabs: Tabs, group: Group, isConnected: boolean, t: ConsoleTexts): TemplateResult {
  const isCurrent = groupOf(tabs.current) === group;
  const isOnly = sectionsOf(group).length === 1;
  return html`
    <li>
      <a
        href=${tabs.address(tabs.sectionOf(group))}
        aria-current=${isCurrent ? (isOnly ? "page" : "true") : nothing}
        data-group=${group}
        @click=${isCurrent ? stay : nothing}
      >
        ${t.groups[group]}${group === "events" && isConnected && !isCurrent ? html`<span class="pulse" aria-hidden="true"></span>` : nothing}
      </a>
    </li>`;
}

function linkView(tabs: Tabs, tab: Tab, t: ConsoleTexts, isConnected = false): TemplateResult {
  const isCurrent = tab === tabs.current;
  return html`
    <li>
      <a
        href=${tabs.address(tab)}
        aria-current=${isCurrent ? "page" : nothing}
        data-tab=${tab}
        @click=${isCurrent ? stay : nothing}
      >
        ${t.tabs[tab]}${isConnected ? html`<span class="pulse" aria-hidden="true"></span>` : nothing}
      </a>
    </li>`;
}

/** Keeps the address, which may contain more than the link. */
function stay(event: Event): void {
  event.preventDefault();
}
