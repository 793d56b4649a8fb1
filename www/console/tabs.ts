import { html, nothing, type TemplateResult } from "lit";
import type { Follower } from "./follower.ts";
import { stateView } from "./live.ts";
import { type Conditions, readTab, TABS, type Tab, writeConditions } from "./place.ts";
import type { ConsoleTexts } from "./texts/index.ts";

/** Which part of the console is shown, and the fragments that the others had when they were left. */
export class Tabs {
  current: Tab = readTab(location.hash);
  readonly #left = new Map<Tab, string>();

  fragment(tab: Tab): string {
    // Without one the address is another, and the page would be loaded again.
    return this.#left.get(tab) || `#tab=${tab}`;
  }

  go(tab: Tab): void {
    location.hash = this.fragment(tab);
  }

  /** Goes to a part whose viewer then shows a line. */
  show(tab: Tab, prefix: string, line: number): void {
    const said = new URLSearchParams(this.fragment(tab).slice(1));
    said.set(`${prefix}line`, String(line));
    location.hash = `#${said}`;
  }

  /** The page's fragment is another one. */
  moved({ oldURL }: HashChangeEvent): void {
    const before = new URL(oldURL).hash;
    this.#left.set(readTab(before), before);
    this.current = readTab(location.hash);
  }

  /** Puts what is asked for into the fragment of the search. */
  write(conditions: Conditions): void {
    if (this.current === "search") history.replaceState(null, "", writeConditions(location.hash, conditions));
    else this.#left.set("search", writeConditions(this.fragment("search"), conditions));
  }
}

/** Where the tabs are one long row, brings the current one into view. */
export function bringIntoView(list: HTMLElement): void {
  const tab = list.querySelector<HTMLElement>("[aria-current]")?.parentElement;
  if (tab === null || tab === undefined) return;
  list.scrollLeft = tab.offsetLeft - list.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
}

/** Links to all parts, and how it is with the live view where another one is shown. */
export function tabsView(tabs: Tabs, { watch, isFollowing }: Follower, t: ConsoleTexts): TemplateResult {
  return html`
    <nav aria-label=${t.tabsName}>
      <ul class="tabs">
        ${TABS.map((tab) => {
          const isCurrent = tab === tabs.current;
          return html`
            <li>
              <a
                href=${new URL(tabs.fragment(tab), location.href).href}
                aria-current=${isCurrent ? "page" : nothing}
                data-tab=${tab}
                @click=${(event: Event) => {
                  // Its fragment says more by now than the link does.
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
