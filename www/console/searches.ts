/** The loaded events, and the events that a search of the whole log found. */

import { type Conditions, DEFAULT_EXTENT, NO_CONDITIONS, sameConditions } from "./address.ts";
import { type SearchDependencies, SearchRunner } from "./search-runner.ts";

/**
 * Every section covers the loaded events. A search of the whole log has a session of its own, so that it changes
 * neither what the sections cover nor their verdict.
 */
export class Searches {
  readonly loaded: SearchRunner;
  readonly found: SearchRunner;
  /** The events to load. */
  extent: Conditions = DEFAULT_EXTENT;
  /** The query for the whole log; empty for none. */
  query = "";
  /** The query in the viewer's search box. */
  viewerQuery = "";
  /** True until the viewer's search box contains the query. */
  #isPending = false;

  constructor(dependencies: SearchDependencies) {
    this.loaded = new SearchRunner(dependencies);
    this.found = new SearchRunner(dependencies);
  }

  /** Maximum number of events that a search of the whole log returns: the newest ones, as many as may be loaded. */
  get #limit(): string {
    return String(Math.max(Number(this.extent.limit), Number(DEFAULT_EXTENT.limit)));
  }

  /** True if the found events are shown, not the loaded ones. */
  get isFoundShown(): boolean {
    return this.query !== "" && (this.#isPending || this.viewerQuery === this.query);
  }

  /** Loads events. */
  load(extent: Conditions): void {
    this.extent = extent;
    void this.loaded.run(extent);
  }

  /** Searches the whole log, or with an empty query shows the loaded events again. */
  ask(query: string): void {
    this.query = query;
    this.#isPending = query !== "";
    if (query === "") this.found.close();
    else void this.found.run({ ...NO_CONDITIONS, query, limit: this.#limit });
  }

  /** Takes what the address names. Returns true if that is different. */
  take(extent: Conditions | undefined, query: string): boolean {
    const isOther =
      query !== this.query || (extent !== undefined && !sameConditions(extent, this.loaded.ran));
    this.extent = extent ?? this.extent;
    this.query = query;
    return isOther;
  }

  /** Returns the query that the viewer's search box must contain; undefined if it does. */
  get pendingQuery(): string | undefined {
    return this.#isPending ? this.query : undefined;
  }

  /** Handles the query in the viewer's search box. Returns true if another search than that of the whole log began. */
  viewerSearched(query: string): boolean {
    this.viewerQuery = query;
    if (this.query === "") return false;
    if (query === this.query) this.#isPending = false;
    if (this.isFoundShown) return false;
    this.ask("");
    return true;
  }

  /** Verifies everything again with the reader's current trust. */
  again(): void {
    void this.loaded.again();
    void this.found.again();
  }

  /** Closes both, and frees everything they keep. */
  close(): void {
    this.loaded.close();
    this.found.close();
  }

  /** Closes both, and forgets what the reader searched for. */
  forget(): void {
    this.close();
    this.extent = DEFAULT_EXTENT;
    this.query = "";
    this.viewerQuery = "";
    this.#isPending = false;
  }
}
