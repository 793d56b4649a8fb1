/** Fetches and verifies the watchlist, and keeps it while it is valid. */

import { readAtMost } from "../bytes.js";
import { CountersignError, must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { reason } from "../reason.js";
import type { Gate as CoreGate } from "../wasm/gate.js";
import { asCoded, type Core } from "./core.js";
import type { WatchlistOptions } from "./watchlist.js";

/** Maximum size of a list in bytes (SPEC section 13). */
const MAX_BYTES = 8 << 20;
/** Milliseconds before another fetch, after one that failed or returned the same list. */
const MIN_INTERVAL_MS = 1_000;
/**
 * Timeout of a fetch, in milliseconds. In Workers, a fetch whose request ended may never settle; after the
 * timeout, another one starts.
 */
const FETCH_TIMEOUT_MS = 10_000;

/** Matches a vkey, but not a private key, which begins differently. */
const VKEY = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/;
const OPTIONS = ["url", "key", "fetch", "headers", "maxWaitMs", "maxAgeMs"];

/** The parts of Cloudflare's Cache API that are used. Isolates share the cache. */
interface EdgeCache {
  match(address: string): Promise<Response | undefined>;
  put(address: string, response: Response): Promise<void>;
}

/** The watchlist of a gate. */
export class WatchlistClient {
  readonly maxWaitMs: number;
  /** The reason why there is no newer list. */
  error: CountersignError | undefined;
  readonly #options: WatchlistOptions;
  readonly #keys: string;
  readonly #now: () => number;
  readonly #maxAgeMs: number | undefined;
  /** The time when the list was fetched, in milliseconds since the epoch. */
  #fetchedAt = Number.NEGATIVE_INFINITY;
  /** The earliest time of the next fetch. */
  #nextFetch = Number.NEGATIVE_INFINITY;
  #hasReadCache = false;

  constructor(input: WatchlistOptions, now: () => number) {
    const options = ownOptions(input, OPTIONS, "watchlist");
    const { url, key, headers = {}, maxWaitMs = 1_000, maxAgeMs, fetch: ownFetch } = options;
    const keys = typeof key === "string" ? [key] : (key ?? []);
    const areKeys = Array.isArray(keys) && keys.length > 0 && keys.every((key) => VKEY.test(key));
    must(
      areKeys,
      "watchlist.key",
      "`watchlist.key` must be one or more public keys (vkeys)",
      "pass the vkey that signs the list: name+hhhhhhhh+base64",
    );
    const isWeb = /^https?:/.test(String(url)) && URL.canParse(String(url));
    must(
      isWeb,
      "watchlist.url",
      "`watchlist.url` must be an http or https URL",
      "pass the URL where the list is served",
    );
    const { username, password } = new URL(url);
    must(
      ownFetch === undefined || typeof ownFetch === "function",
      "watchlist.fetch",
      "`watchlist.fetch` must be a function",
      "pass (url, init) => …",
    );
    const hint = "remove the user name and password, and pass headers: { authorization }";
    must(username === "" && password === "", "watchlist.url", "`watchlist.url` must not contain credentials", hint);
    const isAge = maxAgeMs === undefined || (typeof maxAgeMs === "number" && maxAgeMs >= MIN_INTERVAL_MS);
    must(
      isAge,
      "watchlist.maxAgeMs",
      "`watchlist.maxAgeMs` must be at least 1000 milliseconds",
      "omit it for the default",
    );
    mustBeMillis(maxWaitMs, "watchlist.maxWaitMs");
    must(
      areHeaders(headers),
      "watchlist.headers",
      "`watchlist.headers` must be valid headers",
      "pass { name: value }, such as { authorization }",
    );
    this.#options = options;
    this.#maxAgeMs = maxAgeMs;
    this.#keys = keys.join("\n");
    this.#now = now;
    this.maxWaitMs = maxWaitMs;
  }

  /** True if there is a valid list. */
  holds(gate: CoreGate, now: number): boolean {
    return now < gate.listUntil;
  }

  /** True if the current list is new enough for requests to proceed. */
  suffices(gate: CoreGate, now: number): boolean {
    return this.holds(gate, now) && (this.#maxAgeMs === undefined || now < this.#fetchedAt + this.#maxAgeMs);
  }

  /** True if it is time to fetch the next list. */
  isDue(gate: CoreGate, now: number): boolean {
    return now >= this.#nextFetch && this.#isOld(gate, now);
  }

  /** Fetches the next list. Failures are stored in `error`, not thrown, because the previous list still applies. */
  async refresh(core: Core, gate: CoreGate): Promise<void> {
    this.#nextFetch = this.#now() + FETCH_TIMEOUT_MS;
    try {
      if (!this.#hasReadCache) {
        this.#hasReadCache = true;
        await this.#loadCached(core, gate);
      }
      if (this.#isOld(gate, this.#now())) {
        const text = await this.#fetch();
        await this.#load(core, gate, text);
        this.#fetchedAt = this.#now();
        await this.#cache(gate, text);
      }
      this.error = undefined;
    } catch (error) {
      this.error = asCoded(error);
    }
    this.#nextFetch = this.#now() + MIN_INTERVAL_MS;
  }

  /** True if half of the list's validity has passed, or it was fetched too long ago. */
  #isOld(gate: CoreGate, now: number): boolean {
    return now >= (gate.listMade + gate.listUntil) / 2 || !this.suffices(gate, now);
  }

  async #load(core: Core, gate: CoreGate, text: string): Promise<void> {
    const list = new core.SignedList(text, this.#keys);
    try {
      const message = new TextEncoder().encode(list.message());
      for (let nth = 0; nth < list.claims; nth += 1) {
        const key = await crypto.subtle.importKey("raw", list.key(nth).slice(), "Ed25519", false, ["verify"]);
        if (await crypto.subtle.verify("Ed25519", key, list.signature(nth).slice(), message)) {
          gate.watch(list);
          return;
        }
      }
    } finally {
      list.free();
    }
    throw new CountersignError("signature.invalid", "the watchlist is not signed by any key in `watchlist.key`", {
      hint: "set `watchlist.key` to the vkey of the list's issuer",
    });
  }

  async #fetch(): Promise<string> {
    const { url, headers, fetch: ownFetch } = this.#options;
    let response: Response;
    try {
      response = await (ownFetch ?? fetch)(String(url), {
        headers: { accept: "text/plain", ...headers },
        // Keeps servers that never end their response from using up connections.
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      });
    } catch (cause) {
      const why = reason(cause);
      throw unreachable(`fetching it failed: ${cause}${why === undefined ? "" : ` (${why})`}`, cause);
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw unreachable(`its server returned HTTP status ${response.status}`);
    }
    const bytes = await readAtMost(response.body, MAX_BYTES).catch((cause) => {
      throw unreachable(`the response was cut off: ${cause}`, cause);
    });
    if (bytes === undefined) {
      throw new CountersignError("watchlist.invalid", "the watchlist exceeds 8 MiB");
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new CountersignError("note.invalid", "the watchlist is not valid UTF-8", { cause });
    }
  }

  /** Loads the list that another isolate cached. */
  async #loadCached(core: Core, gate: CoreGate): Promise<void> {
    const text = await (await edgeCache()?.match(this.#address()))?.text();
    if (text !== undefined) {
      // The cache is not trusted; the list is verified again.
      await this.#load(core, gate, text).catch(() => {});
    }
  }

  async #cache(gate: CoreGate, text: string): Promise<void> {
    const seconds = Math.floor((gate.listUntil - this.#now()) / 1000);
    if (seconds > 0) {
      const cacheEntry = new Response(text, { headers: { "cache-control": `max-age=${seconds}` } });
      // If caching fails, another isolate fetches the list again.
      await edgeCache()
        ?.put(this.#address(), cacheEntry)
        .catch(() => {});
    }
  }

  /** Returns the cache key. Its host is never resolved, and other Workers of the zone use other keys. */
  #address(): string {
    return `https://countersign.internal/watchlist?${encodeURIComponent(`${this.#options.url} ${this.#keys}`)}`;
  }
}

function edgeCache(): EdgeCache | undefined {
  return (globalThis as { caches?: { default?: EdgeCache } }).caches?.default;
}

function unreachable(why: string, cause?: unknown): CountersignError {
  const hint =
    "check the list's URL and server; the current list applies until it expires, and then the gate follows its `fail` option";
  return new CountersignError("watchlist.unreachable", `the watchlist could not be updated: ${why}`, { hint, cause });
}

/** True if the value is valid as request headers. */
function areHeaders(headers: unknown): boolean {
  try {
    new Headers(headers as Record<string, string>);
    return typeof headers === "object" && headers !== null;
  } catch {
    return false;
  }
}
