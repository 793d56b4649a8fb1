/** A browser's key with a grant of its server, renewed before the grant ends. */

import { readAtMost } from "../bytes.js";
import { serverTime } from "../deliver/server-time.js";
import { asLine, CountersignError, must } from "../error.js";
import { jsonOf } from "../foreign.js";
import { ownOptions } from "../known.js";
import { MAX_TIMER_MS, pause } from "../timers.js";
import { type BrowserKey, type BrowserKeyOptions, GRANTED_OPTIONS, type HeldKey, hold, storeGrant } from "./browser.js";
import { asError } from "./error-response.js";
import type { Grant } from "./key-store.js";

/** Milliseconds that a device's clock may be ahead of the server's. */
const MAX_AHEAD_MS = 5 * 60_000;
/** Timeout of a request to the server, in milliseconds. */
const TIMEOUT_MS = 15_000;
/** Maximum size of a response in bytes. A note with its proof is far smaller. */
const MAX_RESPONSE_BYTES = 1 << 20;
/** Remaining fraction of a grant's lifetime at which it is renewed. */
const RENEW_AT = 1 / 4;
/** Backoff after failed renewals, in milliseconds. */
const WAITS = { first: 1_000, longest: 60_000 };
/** The hint of errors in the device's clock. */
const CLOCK_HINT = "set this device's clock; the log rejects events until then";

/** Options of `grantedKey`. */
export interface GrantedKeyOptions extends BrowserKeyOptions {
  /**
   * The URL of the server's handler (`issuer.handler` from `countersign/issuer`), such as `/audit/grant`.
   *
   * @example
   * ```ts
   * from: "/audit/grant"
   * ```
   */
  from: string | URL;
  /**
   * Options of the request, such as headers, or `credentials: "include"` for a handler of another origin.
   *
   * @default {}
   * @example
   * ```ts
   * init: { credentials: "include" }
   * ```
   */
  init?: Omit<RequestInit, "method" | "body"> | undefined;
  /**
   * Called with each failure to renew.
   *
   * @default `console.warn`
   * @example
   * ```ts
   * onError: ({ message }) => showBanner(message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** A recorder, or another object whose key can be changed. */
export interface Rotating {
  rotate(key: BrowserKey["key"]): Promise<unknown>;
}

/**
 * Returns this browser's key with a grant that does not end soon: one that another tab obtained, or a new one from the
 * server. Throws `grant.refused` if the server does not grant it.
 *
 * @example
 * ```ts
 * const granted = await grantedKey({ from: "/audit/grant", issuer: "example.com" });
 * const audit = createRecorder({ key: granted.key, to, log });
 * granted.follow(audit);
 * ```
 */
export async function grantedKey(input: GrantedKeyOptions): Promise<GrantedKey> {
  const options = ownOptions(input, GRANTED_OPTIONS);
  const { held, grant } = await obtain(options, await hold(options));
  return new GrantedKey(options, held, grant);
}

/** A key with a grant. */
export class GrantedKey implements BrowserKey {
  readonly #options: GrantedKeyOptions;
  readonly #followed = new Set<Rotating>();
  readonly #wake = () => this.#plan();
  #held: HeldKey;
  #grant: Grant;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: { readonly done: Promise<void>; readonly fresh: boolean } | undefined;
  #failures = 0;

  /** @internal */
  constructor(options: GrantedKeyOptions, held: HeldKey, grant: Grant) {
    this.#options = options;
    this.#held = held;
    this.#grant = grant;
  }

  get key(): BrowserKey["key"] {
    return this.#held.key;
  }

  get vkey(): string {
    return this.#held.vkey;
  }

  /** The end of the grant; undefined if it has none. */
  get until(): Date | undefined {
    const { until } = this.#grant;
    return Number.isFinite(until) ? new Date(until) : undefined;
  }

  /**
   * Keeps the recorder's key granted: before the grant ends, it is renewed and the recorder continues with a new chain.
   * A new chain is needed because a log checks a key's grant at the start of a chain. Returns a function that stops
   * this.
   */
  follow(recorder: Rotating): () => void {
    this.#followed.add(recorder);
    // Timers pause while the device sleeps.
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    globalThis.addEventListener?.("online", this.#wake);
    this.#plan();
    return () => this.#leave(recorder);
  }

  #leave(recorder: Rotating): void {
    this.#followed.delete(recorder);
    if (this.#followed.size === 0) {
      clearTimeout(this.#timer);
      globalThis.document?.removeEventListener("visibilitychange", this.#wake);
      globalThis.removeEventListener?.("online", this.#wake);
    }
  }

  /**
   * Requests a grant now and rotates the recorders that follow. With `fresh`, a new key is generated, for example after
   * the log rejected this one as revoked (`log.unauthorized`).
   */
  renew(options: { fresh?: boolean | undefined } = {}): Promise<void> {
    const { fresh = false } = ownOptions(options, ["fresh"]);
    const before = this.#renewing;
    if (before !== undefined && (before.fresh || !fresh)) {
      return before.done;
    }
    const begin = () => this.#renew(fresh);
    // A renewal that keeps the key doesn't satisfy a request for a new one.
    const done: Promise<void> = (before === undefined ? begin() : before.done.then(begin, begin)).finally(() => {
      if (this.#renewing?.done === done) {
        this.#renewing = undefined;
        this.#plan();
      }
    });
    this.#renewing = { done, fresh };
    return done;
  }

  async #renew(fresh: boolean): Promise<void> {
    // An unstored key is only known here. For a stored one, another tab may already have a newer grant.
    const isOnlyHere = this.#held.slot === undefined && !fresh;
    const held = isOnlyHere ? this.#held : await hold(this.#options, fresh ? this.vkey : undefined);
    const isNew = held.vkey !== this.vkey || held.grant?.until !== this.#grant.until;
    const obtained = await obtain(this.#options, isNew ? held : { ...held, grant: undefined });
    this.#held = obtained.held;
    this.#grant = obtained.grant;
    this.#failures = 0;
    await Promise.all([...this.#followed].map((recorder) => this.#rotate(recorder)));
  }

  async #rotate(recorder: Rotating): Promise<void> {
    try {
      await recorder.rotate(this.key);
    } catch (error) {
      // A closed recorder needs no key.
      if (!(error instanceof CountersignError && error.code === "recorder.out_of_turn")) {
        throw error;
      }
      this.#leave(recorder);
    }
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#followed.size === 0 || this.#renewing !== undefined || !Number.isFinite(this.#grant.renew)) {
      return;
    }
    const due = Math.max(this.#grant.renew - Date.now(), 0);
    const wait = this.#failures === 0 ? due : Math.max(due, pause(WAITS, this.#failures));
    this.#timer = setTimeout(() => this.#onTime(), Math.min(wait, MAX_TIMER_MS));
  }

  #onTime(): void {
    if (this.#grant.renew > Date.now()) {
      this.#plan();
      return;
    }
    this.renew().catch((error: CountersignError) => {
      this.#failures++;
      this.#plan();
      (this.#options.onError ?? ((failed) => console.warn(asLine(failed))))(error);
    });
  }
}

/** Returns the key with its grant, or with a new one if that ends soon. */
async function obtain(options: GrantedKeyOptions, held: HeldKey): Promise<{ held: HeldKey; grant: Grant }> {
  if (held.grant !== undefined && held.grant.renew > Date.now()) {
    return { held, grant: held.grant };
  }
  const grant = await requestGrant(options, held);
  await storeGrant(held, grant);
  return { held: { ...held, grant }, grant };
}

async function requestGrant(options: GrantedKeyOptions, held: HeldKey): Promise<Grant> {
  const url = withoutQuery(options.from);
  const requestedAt = Date.now();
  const send = async (date: Date) => post(options, url, await held.signGrantRequest(date.toISOString()));
  let response = await send(new Date(requestedAt));
  // The server's clock may differ from this device's, and the server accepts each request once.
  const date = serverTime(response);
  if (date !== undefined) {
    checkNotAhead(requestedAt, date.getTime());
    response = await send(date);
  }
  const { ok, status, body } = response;
  if (!ok) {
    throw asError(status, body);
  }
  const time = (value: unknown, otherwise: number) => (typeof value === "string" ? Date.parse(value) : otherwise);
  const [begin, until, now] = [time(body.from, -Infinity), time(body.until, Infinity), time(body.now, requestedAt)];
  if (body.vkey !== held.vkey || [begin, until, now].some(Number.isNaN) || until <= now) {
    throw new CountersignError("grant.failed", `the response from ${url} is not a grant`, {
      hint: "check that the URL points to an issuer's handler",
    });
  }
  checkClock(requestedAt, begin, until, now);
  // Computed with this device's clock, which may be ahead; otherwise the grant would be requested again and again.
  return { until, renew: until === Infinity ? until : until - (until - requestedAt) * RENEW_AT };
}

/** A response of the server, with its body if that is a JSON object. */
interface GrantResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly body: { readonly [member: string]: unknown };
}

/** Sends a signed request to the server. `url` is the URL for use in errors. */
async function post({ from, init }: GrantedKeyOptions, url: string, request: string): Promise<GrantResponse> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), TIMEOUT_MS);
  init?.signal?.addEventListener("abort", () => patience.abort(init.signal?.reason), { once: true });
  try {
    const headers = new Headers(init?.headers);
    headers.set("content-type", "application/json");
    init?.signal?.throwIfAborted();
    const { signal } = patience;
    const response = await fetch(from, { ...init, method: "POST", headers, signal, body: JSON.stringify({ request }) });
    const text = new TextDecoder().decode(await readAtMost(response.body, MAX_RESPONSE_BYTES));
    return { ok: response.ok, status: response.status, body: Object(jsonOf(text)) };
  } catch (cause) {
    if (patience.signal.aborted && !init?.signal?.aborted) {
      const message = `the server that grants keys did not respond within ${TIMEOUT_MS} ms at ${url}`;
      throw new CountersignError("grant.failed", message, { hint: "check the server's load and log", cause });
    }
    throw new CountersignError("grant.failed", `the server that grants keys can't be reached at ${url}`, {
      hint: "check the URL and the connection; a handler of another origin must list this page's origin in `origins`",
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Returns a URL without its query, which may contain a token, for use in errors. */
function withoutQuery(address: string | URL): string {
  const text = `${address}`;
  const hint = "pass credentials in init: { headers }, because browsers don't fetch such URLs";
  must(!/^([a-z][a-z0-9+.-]*:)?[/\\]{2}[^/\\?#]*@/i.test(text), "from", "`from` must not contain credentials", hint);
  return text.replace(/[?#].*$/s, "");
}

/** Throws if the device's clock is wrong, because the log would reject every event. */
function checkClock(requestedAt: number, begin: number, until: number, now: number): void {
  checkNotAhead(requestedAt, now);
  if (requestedAt >= until) {
    throw clockAhead(requestedAt, now);
  }
  if (Date.now() < begin) {
    throw new CountersignError("clock.behind", "this device's clock is before the start of the key's grant", {
      hint: CLOCK_HINT,
    });
  }
}

/** Throws if the device's clock is too far ahead of the server's. */
function checkNotAhead(requestedAt: number, now: number): void {
  if (requestedAt > now + MAX_AHEAD_MS) {
    throw clockAhead(requestedAt, now);
  }
}

function clockAhead(requestedAt: number, now: number): CountersignError {
  const minutes = Math.round((requestedAt - now) / 60_000);
  const message = `this device's clock is ${minutes} minutes ahead of the server's`;
  return new CountersignError("clock.ahead", message, { hint: CLOCK_HINT });
}
