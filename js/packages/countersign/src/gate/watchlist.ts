/** What a watchlist is fetched by: apart from what fetches it, whose types are the artifact's. */

import type { Fetch } from "../deliver/log-server.js";

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
  /** Milliseconds for which a request waits for a list if none is valid, at most. Default: 1000. */
  maxWaitMs?: number | undefined;
  /**
   * Milliseconds after which a fetched list is too old: a request then waits for a newer one, up to `maxWaitMs`. At least
   * 1000. Default: the next list is fetched at half of the time for which one holds, and no request waits for it.
   */
  maxAgeMs?: number | undefined;
}
