import { html, nothing, type TemplateResult } from "lit";
import { type Conditions, ROOT_TABS, readTab, TABS, type Tab, writeConditions } from "./address.ts";
import type { Follower } from "./follower.ts";
import { stateView } from "./live.ts";
import type { ConsoleTexts } from "./texts/index.ts";

/** The current tab, and the fragments of the others when they were left. */
export class Tabs {
  all: readonly [Tab, ...Tab[]] = TABS;
  current: Tab = readTab(location.hash);
  readonly #left = new Map<Tab, string>();

  /** Switches to the tabs of a root log's console. */
  useTenants(): void {
    this.all = ROOT_TABS;
    this.current = readTab(location.hash, ROOT_TABS);
  }

  fragment(tab: Tab): string {
    // An empty fragment would be another address, and reload the page.
    return this.#left.get(tab) || `#tab=${tab}`;
  }

  go(tab: Tab): void {
    location.hash = this.fragment(tab);
  }

  /** Goes to a tab whose viewer then shows a line. */
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
  }

  /** Writes the conditions into the fragment of the search. */
  write(conditions: Conditions): void {
    if (this.current === "search") history.replaceState(null, "", writeConditions(location.hash, conditions));
    else this.#left.set("search", writeConditions(this.fragment("search"), conditions));
  }
}

/** Scrolls the current tab into view if the tabs are one long row. */
export function bringIntoView(list: HTMLElement): void {
  const tab = list.querySelector<HTMLElement>("[aria-current]")?.parentElement;
  if (tab === null || tab === undefined) return;
  list.scrollLeft = tab.offsetLeft - list.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
}

/** Renders links to all tabs, and the state of the live view on other tabs. */
export function tabsView(tabs: Tabs, { watch, isFollowing }: Follower, t: ConsoleTexts): TemplateResult {
  return html`
    <nav aria-label=${t.tabsName}>
      <ul class="tabs">
        ${tabs.all.map((tab) => {
          const isCurrent = tab === tabs.current;
          return html`
            <li>
              <a
                href=${new URL(tabs.fragment(tab), location.href).href}
                aria-current=${isCurrent ? "page" : nothing}
                data-tab=${tab}
                @click=${(event: Event) => {
                  // The fragment of the current tab may contain more than its link.
                  if (isCurrent) event.preventDefault();
                }}
              >
                ${t.tabs[tab]}${tab === "live" && isFollowing ? html`<span class="pulse" aria-hidden="true"></span>` : nothing}
              </a>
            </li>`;
        })}
      </ul>
      ${tabs.current !== "live" && watch !== undefined && isFollowing ? html`<div class="behind">${stateView(watch, t)}<span class="faint">${t.live.goesOn}</span></div>` : nothing}
    </nav>
  `;
}
