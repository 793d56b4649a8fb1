/** What a watchlist is fetched by: apart from what fetches it, whose types are the artefact's. */

import type { Fetch } from "../deliver/collector.js";

/** Where the watchlist is, and who makes it. */
export interface WatchlistOptions {
  /** Where it is fetched. */
  url: string | URL;
  /** The vkey of who signs it, or those of several: one of them has to. */
  key: string | readonly string[];
  /** What fetches it, in place of the runtime's `fetch`: `(url, init) => env.WATCH.fetch(url, init)`. */
  fetch?: Fetch | undefined;
  /** Headers to ask with. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** How many milliseconds a request waits where there is no list that holds. By default 1000. */
  patience?: number | undefined;
  /**
   * So many milliseconds after a list was fetched a request waits for a newer one, up to `patience`; at least 1000. By
   * default the next one is fetched at half of the time for which a list holds, and no request waits for it.
   */
  maxAge?: number | undefined;
}
