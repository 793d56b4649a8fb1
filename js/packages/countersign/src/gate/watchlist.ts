/** Options of the watchlist. Separate from its client, whose types depend on the WebAssembly module. */

import type { Fetch } from "../deliver/log-server.js";

/** The source of a watchlist, and the key that signs it. */
export interface WatchlistOptions {
  /**
   * The URL to fetch the list from.
   *
   * @example
   * ```ts
   * url: "https://log.example/watchlist"
   * ```
   */
  url: string | URL;
  /**
   * The vkey that signs the list, or several vkeys; one must sign it.
   *
   * @example
   * ```ts
   * key: "example.com/watch+1a2b3c4d+A…"
   * ```
   */
  key: string | readonly string[];
  /**
   * Fetches the list, for example through a binding: `(url, init) => env.WATCH.fetch(url, init)`.
   *
   * @default the runtime's `fetch`
   * @example
   * ```ts
   * fetch: (url, init) => env.WATCH.fetch(url, init)
   * ```
   */
  fetch?: Fetch | undefined;
  /**
   * Headers of the request.
   *
   * @default {}
   * @example
   * ```ts
   * headers: { authorization: `Bearer ${process.env.WATCH_TOKEN}` }
   * ```
   */
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Maximum milliseconds that a request waits for a list if none is valid.
   *
   * @default 1000
   * @example
   * ```ts
   * maxWaitMs: 250
   * ```
   */
  maxWaitMs?: number | undefined;
  /**
   * Milliseconds after which a fetched list is too old: requests then wait for a newer one, up to `maxWaitMs`. At least
   * 1000.
   *
   * @default undefined: the next list is fetched after half of the current one's validity, and no request waits for it
   * @example
   * ```ts
   * maxAgeMs: 60_000
   * ```
   */
  maxAgeMs?: number | undefined;
}
