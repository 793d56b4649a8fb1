/** The watchlist: fetched, verified, and kept for as long as it holds. */

import { readAtMost } from "../bytes.js";
import { CountersignError, must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { reason } from "../reason.js";
import type { Gate as CoreGate } from "../wasm/gate.js";
import { asCoded, type Core } from "./core.js";
import type { WatchlistOptions } from "./watchlist.js";

/** The most bytes of a list (SPEC section 13). */
const MOST = 8 << 20;
/** No other fetch begins so soon after one that failed, or gave what was there already. */
const PAUSE = 1_000;
/** A fetch that takes so long is given up. One may never end whose request ended: another begins then. */
const FETCH = 10_000;

/** A verifier key. A signer key, which is a secret, has another beginning. */
const VKEY = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/;
const OPTIONS = ["url", "key", "fetch", "headers", "maxWaitMs", "maxAgeMs"];

/** What there is of Cloudflare's Cache API, which an isolate shares with others. */
interface EdgeCache {
  match(address: string): Promise<Response | undefined>;
  put(address: string, response: Response): Promise<void>;
}

/** Keeps a gate's list. */
export class Watching {
  readonly maxWaitMs: number;
  /** Why there is no newer list. */
  error: CountersignError | undefined;
  readonly #options: WatchlistOptions;
  readonly #keys: string;
  readonly #now: () => number;
  readonly #maxAgeMs: number | undefined;
  /** When the list was fetched. */
  #fetchedAt = Number.NEGATIVE_INFINITY;
  /** Before then no other fetch begins. */
  #rests = Number.NEGATIVE_INFINITY;
  #lookedIntoCache = false;

  constructor(watched: WatchlistOptions, now: () => number) {
    const options = ownOptions(watched, OPTIONS, "watchlist");
    const { url, key, headers = {}, maxWaitMs = 1_000, maxAgeMs, fetch: given } = options;
    const keys = typeof key === "string" ? [key] : (key ?? []);
    const areKeys = Array.isArray(keys) && keys.length > 0 && keys.every((key) => VKEY.test(key));
    must(areKeys, "watchlist.key", "no key for the watchlist", "give the vkey of who signs it: name+hhhhhhhh+base64");
    const isWeb = /^https?:/.test(String(url)) && URL.canParse(String(url));
    must(isWeb, "watchlist.url", "no address for the watchlist", "give the URL at which it is served");
    const { username, password } = new URL(url);
    must(given === undefined || typeof given === "function", "watchlist.fetch", "no function", "give (url, init) => …");
    const hint = "leave out the user name and password, and give headers: { authorization }";
    must(username === "" && password === "", "watchlist.url", "an address with a secret", hint);
    const isAge = maxAgeMs === undefined || (typeof maxAgeMs === "number" && maxAgeMs >= PAUSE);
    must(isAge, "watchlist.maxAgeMs", "no age that a watchlist may have", "give milliseconds, at least 1000");
    mustBeMillis(maxWaitMs, "watchlist.maxWaitMs");
    must(areHeaders(headers), "watchlist.headers", "no headers", "give { name: value }, such as { authorization }");
    this.#options = options;
    this.#maxAgeMs = maxAgeMs;
    this.#keys = keys.join("\n");
    this.#now = now;
    this.maxWaitMs = maxWaitMs;
  }

  /** Whether there is a list that holds. */
  holds(gate: CoreGate, now: number): boolean {
    return now < gate.listUntil;
  }

  /** Whether a request may go by the list that there is. */
  suffices(gate: CoreGate, now: number): boolean {
    return this.holds(gate, now) && (this.#maxAgeMs === undefined || now < this.#fetchedAt + this.#maxAgeMs);
  }

  /** Whether it is time to look for the next one. */
  isDue(gate: CoreGate, now: number): boolean {
    return now >= this.#rests && this.#isOld(gate, now);
  }

  /** Looks for the next list. What goes wrong is kept, and not thrown: the list before goes on to count. */
  async refresh(core: Core, gate: CoreGate): Promise<void> {
    this.#rests = this.#now() + FETCH;
    try {
      if (!this.#lookedIntoCache) {
        this.#lookedIntoCache = true;
        await this.#takeCached(core, gate);
      }
      if (this.#isOld(gate, this.#now())) {
        const text = await this.#fetched();
        await this.#take(core, gate, text);
        this.#fetchedAt = this.#now();
        await this.#cache(gate, text);
      }
      this.error = undefined;
    } catch (error) {
      this.error = asCoded(error);
    }
    this.#rests = this.#now() + PAUSE;
  }

  /** Half of the time is over for which it holds, or it was fetched too long ago. */
  #isOld(gate: CoreGate, now: number): boolean {
    return now >= (gate.listMade + gate.listUntil) / 2 || !this.suffices(gate, now);
  }

  async #take(core: Core, gate: CoreGate, text: string): Promise<void> {
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
    throw new CountersignError("signature.invalid", "none of the keys that are known signed this watchlist", {
      hint: "give the vkey of who makes the list as watchlist.key",
    });
  }

  async #fetched(): Promise<string> {
    const { url, headers, fetch: given } = this.#options;
    let response: Response;
    try {
      response = await (given ?? fetch)(String(url), {
        headers: { accept: "text/plain", ...headers },
        // A server that never ends its answer holds no more connections than one.
        signal: AbortSignal.timeout(FETCH),
      });
    } catch (cause) {
      const why = reason(cause);
      throw unreachable(`it could not be fetched: ${cause}${why === undefined ? "" : ` (${why})`}`, cause);
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw unreachable(`its server answered with status ${response.status}`);
    }
    const bytes = await readAtMost(response.body, MOST).catch((cause) => {
      throw unreachable(`it broke off: ${cause}`, cause);
    });
    if (bytes === undefined) {
      throw new CountersignError("watchlist.invalid", "a watchlist has at most 8 MiB");
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new CountersignError("note.invalid", "a watchlist is text in UTF-8", { cause });
    }
  }

  /** An isolate that is new has the list that another one fetched. */
  async #takeCached(core: Core, gate: CoreGate): Promise<void> {
    const text = await (await edgeCache()?.match(this.#address()))?.text();
    if (text !== undefined) {
      // It is verified anew: what lies there is not trusted.
      await this.#take(core, gate, text).catch(() => {});
    }
  }

  async #cache(gate: CoreGate, text: string): Promise<void> {
    const seconds = Math.floor((gate.listUntil - this.#now()) / 1000);
    if (seconds > 0) {
      const kept = new Response(text, { headers: { "cache-control": `max-age=${seconds}` } });
      // Where it cannot be kept there, it is fetched once more.
      await edgeCache()
        ?.put(this.#address(), kept)
        .catch(() => {});
    }
  }

  /** Nobody resolves it, and no other Worker's list lies there: caches are a zone's. */
  #address(): string {
    return `https://countersign.internal/watchlist?${encodeURIComponent(`${this.#options.url} ${this.#keys}`)}`;
  }
}

function edgeCache(): EdgeCache | undefined {
  return (globalThis as { caches?: { default?: EdgeCache } }).caches?.default;
}

function unreachable(why: string, cause?: unknown): CountersignError {
  const hint =
    "the list that there is counts for as long as it holds; then the gate fails open or closed, as it was told";
  return new CountersignError("watchlist.unreachable", `there is no newer watchlist: ${why}`, { hint, cause });
}

/** Whether a request can have them. */
function areHeaders(headers: unknown): boolean {
  try {
    new Headers(headers as Record<string, string>);
    return typeof headers === "object" && headers !== null;
  } catch {
    return false;
  }
}
