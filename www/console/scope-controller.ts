/** Controls which events the sections cover: those loaded, found, or followed, and the address that names them. */

import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import { type Conditions, readExtent, readQuery, sameConditions, type Tab } from "./address.ts";
import { type EventLink, searchFragment } from "./event-links.ts";
import { type Complaint, complaintOf } from "./extent.ts";
import type { Follower } from "./follower.ts";
import type { SearchDependencies } from "./search-runner.ts";
import { Searches } from "./searches.ts";
import { Sources } from "./sources.ts";
import type { Tabs } from "./tabs.ts";
import type { Origin, Verified } from "./verified.ts";

/** Prefixes of the names in a viewer's fragment. */
export const FRAGMENTS: Readonly<Record<Origin, string>> = { search: "s.", found: "s.", live: "l." };

/** The sections that show the events of a session, by its origin. */
const SECTIONS = { search: "search", found: "search", live: "live" } as const satisfies Readonly<
  Record<Origin, Tab>
>;

/** The sessions that the reader can choose from in a section, and the one shown. */
export interface Covered {
  readonly all: readonly Verified[];
  readonly shown: Verified | undefined;
}

interface ScopeDependencies {
  readonly search: SearchDependencies;
  readonly tabs: Tabs;
  readonly follower: Pick<Follower, "watch">;
}

export class ScopeController {
  readonly searches: Searches;
  readonly sources: Sources;
  /** Input of the form that must be corrected first. */
  complaint: Complaint | undefined;
  readonly #dependencies: ScopeDependencies;
  /** True until the entry that another section led to is open. */
  #isBringingEntry = false;

  constructor(dependencies: ScopeDependencies) {
    this.#dependencies = dependencies;
    this.searches = new Searches(dependencies.search);
    this.sources = new Sources(dependencies.search.changed);
    this.searches.take(readExtent(location.hash), readQuery(location.hash));
  }

  /** Returns the sessions that the current section can cover. Search and Live show only their own. */
  covered(): Covered {
    const { tabs, follower } = this.#dependencies;
    const all = this.sources.all(this.searches, follower.watch);
    const { current } = tabs;
    if (current !== "search" && current !== "live") return { all, shown: this.sources.shown(all) };
    const shown = all.find(({ from }) => from === current);
    return { all: shown === undefined ? [] : [shown], shown };
  }

  /** Loads events, which all sections cover then. */
  load(extent: Conditions): void {
    this.complaint = undefined;
    this.sources.chosen = "search";
    this.searches.load(extent);
    this.#write();
  }

  /** Loads events if the conditions are valid. Returns what must be corrected otherwise. */
  submit(extent: Conditions): Complaint | undefined {
    const complaint = complaintOf(extent);
    if (complaint === undefined) this.load(extent);
    this.complaint = complaint;
    this.#dependencies.search.changed();
    return complaint;
  }

  /** Searches the whole log; with an empty query, shows the loaded events again. */
  ask(query: string): void {
    if (query === "" && this.sources.chosen === "found") this.sources.chosen = "search";
    this.searches.ask(query);
    this.#write();
    this.#dependencies.search.changed();
  }

  /** Loads and searches what the address names. */
  begin(): void {
    const { extent, query } = this.searches;
    this.load(extent);
    if (query !== "") this.ask(query);
  }

  /** Takes what the address names now. If `mayRead`, loads and searches it if that is something else. */
  takeAddress(mayRead: boolean): void {
    const { searches } = this;
    const before = { extent: searches.loaded.ran, query: searches.query };
    const isSearch = this.#dependencies.tabs.current === "search";
    const query = isSearch ? readQuery(location.hash) : searches.query;
    if (!searches.take(readExtent(location.hash), query) || !mayRead) return;
    if (!sameConditions(searches.extent, before.extent)) this.load(searches.extent);
    if (query !== before.query) this.ask(query);
  }

  /** A search of the whole log uses the query of the viewer, and ends when that changes. */
  viewerSearched(query: string): void {
    const { searches } = this;
    if (query === searches.viewerQuery && searches.pendingQuery !== query) return;
    if (searches.viewerSearched(query)) this.#write();
    this.#dependencies.search.changed();
  }

  /** Shows a line of the session that the current section covers. */
  showLine(line: number): void {
    const { shown } = this.covered();
    if (shown === undefined) return;
    // The line is one of the loaded events, not of those that a search of the whole log found.
    if (shown.from === "search" && this.searches.query !== "") this.ask("");
    this.#isBringingEntry = true;
    this.#dependencies.tabs.show(SECTIONS[shown.from], FRAGMENTS[shown.from], line);
  }

  /** Scrolls to an entry that another section led to, so that its details begin at the top of the window. */
  async rowOpened(viewer: Viewer): Promise<void> {
    if (!this.#isBringingEntry) return;
    this.#isBringingEntry = false;
    await viewer.updateComplete;
    viewer.scrollIntoView({ block: "start" });
  }

  /** Shows the events behind a row, among those that the current section covers. */
  async showEvents({ query, entry }: EventLink): Promise<void> {
    const { shown } = this.covered();
    if (shown === undefined) return;
    // A name may contain what no query can, such as a very long text.
    if ((await shown.session.index.check(query)) !== undefined) {
      if (entry !== undefined) await this.showEntry(entry);
      return;
    }
    const section = this.#dependencies.tabs.fragment(SECTIONS[shown.from]);
    const fragment = searchFragment(section, FRAGMENTS[shown.from], query);
    // Events that a search of the whole log found are closed once the search box changes, so the log is asked again.
    const params = new URLSearchParams(fragment.slice(1));
    if (shown.from === "found") params.set("query", query);
    location.hash = `#${params}`;
  }

  /** Shows an entry of the session that the current section covers. */
  async showEntry(index: number): Promise<void> {
    const { shown } = this.covered();
    const line = await shown?.session.index.lineOf(index).catch(() => undefined);
    if (line !== undefined && this.covered().shown?.session === shown?.session) this.showLine(line);
  }

  /** Closes everything, and forgets what the reader loaded and searched for. */
  forget(): void {
    this.complaint = undefined;
    this.searches.forget();
    this.sources.chosen = "search";
  }

  /** Writes into the address what is loaded and searched. */
  #write(): void {
    const { extent, query } = this.searches;
    this.#dependencies.tabs.write(extent, query);
  }
}
