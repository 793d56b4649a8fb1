/** A browser's key that its server grants, and grants anew before the grant ends. */

import { readAtMost } from "../bytes.js";
import { asLine, CountersignError, must } from "../error.js";
import { jsonOf } from "../foreign.js";
import { ownOptions } from "../known.js";
import { LONGEST, pause } from "../timers.js";
import { type BrowserKey, type BrowserKeyOptions, GRANTED_OPTIONS, type HeldKey, hold, noteGrant } from "./browser.js";
import { asError } from "./error-response.js";
import type { Grant } from "./key-store.js";

/** How far a device's clock may be ahead of the log's. */
const AHEAD = 5 * 60_000;
/** How many milliseconds the server may take for an answer. */
const TIMEOUT = 15_000;
/** The most bytes of an answer: a note with its proof is far below it. */
const MOST = 1 << 20;
/** Which part of a grant's life is left when it is asked for anew. */
const LEFT = 1 / 4;
/** How long to wait after failures to renew. */
const WAITS = { first: 1_000, longest: 60_000 };

/** Which key is wanted, and who grants it. */
export interface GrantedKeyOptions extends BrowserKeyOptions {
  /** Where the server's handler is (`handler` of the entry `countersign/issuer`): `/audit/grant`. */
  from: string | URL;
  /** What is sent along: headers, or `credentials: "include"` for another origin's handler. */
  init?: Omit<RequestInit, "method" | "body"> | undefined;
  /** Told of each failure to renew. By default it is a warning on the console. */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** What a chain's key can be changed in: a recorder. */
export interface Rotating {
  rotate(key: BrowserKey["key"]): Promise<unknown>;
}

/**
 * Gives this browser's key with a grant that does not end soon: one that a tab has already, or a new one of the
 * server's. Throws `grant.refused` where the server does not grant it.
 *
 *     const granted = await grantedKey({ from: "/audit/grant", issuer: "example.com" });
 *     const audit = createRecorder({ key: granted.key, to, log });
 *     granted.follow(audit);
 */
export async function grantedKey(given: GrantedKeyOptions): Promise<GrantedKey> {
  const options = ownOptions(given, GRANTED_OPTIONS);
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

  /** When the grant ends; nothing where it does not. */
  get until(): Date | undefined {
    const { until } = this.#grant;
    return Number.isFinite(until) ? new Date(until) : undefined;
  }

  /**
   * Sees to it that the recorder's chain has a key that is granted: before the grant ends it is asked for anew, and the
   * recorder goes on with a new chain. A chain has to end with it, because a log looks at a key's grants when the chain
   * begins. Gives what ends this.
   */
  follow(recorder: Rotating): () => void {
    this.#followed.add(recorder);
    // Timers sleep when the device does.
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
   * Asks for a grant now, and rotates the recorders that follow. With `fresh` it is for a new key: after the log
   * refused this one (`log.unauthorized`), because it was revoked, say.
   */
  renew(options: { fresh?: boolean | undefined } = {}): Promise<void> {
    const { fresh = false } = ownOptions(options, ["fresh"]);
    const before = this.#renewing;
    if (before !== undefined && (before.fresh || !fresh)) {
      return before.done;
    }
    const begin = () => this.#renew(fresh);
    // One that keeps the key is no answer to who wants another.
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
    // A key that is kept nowhere is this one as long as it is good; of another, another tab may have a grant already.
    const isHere = this.#held.slot === undefined && !fresh;
    const held = isHere ? this.#held : await hold(this.#options, fresh ? this.vkey : undefined);
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
      // A recorder that was closed needs no key.
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
    this.#timer = setTimeout(() => this.#onTime(), Math.min(wait, LONGEST));
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

/** The key with a grant that lasts: the one that is known, or a new one. */
async function obtain(options: GrantedKeyOptions, held: HeldKey): Promise<{ held: HeldKey; grant: Grant }> {
  if (held.grant !== undefined && held.grant.renew > Date.now()) {
    return { held, grant: held.grant };
  }
  const grant = await ask(options, held.vkey);
  await noteGrant(held, grant);
  return { held: { ...held, grant }, grant };
}

async function ask({ from, init }: GrantedKeyOptions, vkey: string): Promise<Grant> {
  const place = placeOf(from);
  const asked = Date.now();
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), TIMEOUT);
  init?.signal?.addEventListener("abort", () => patience.abort(init.signal?.reason), { once: true });
  let response: Response;
  let body: Partial<{ vkey: unknown; from: unknown; until: unknown; now: unknown }>;
  try {
    const headers = new Headers(init?.headers);
    headers.set("content-type", "application/json");
    init?.signal?.throwIfAborted();
    const { signal } = patience;
    response = await fetch(from, { ...init, method: "POST", headers, signal, body: JSON.stringify({ vkey }) });
    body = Object(jsonOf(new TextDecoder().decode(await readAtMost(response.body, MOST))));
  } catch (cause) {
    if (patience.signal.aborted && !init?.signal?.aborted) {
      const message = `the server that grants keys did not answer within ${TIMEOUT} ms at ${place}`;
      throw new CountersignError("grant.failed", message, { hint: "is it overloaded? See its own log", cause });
    }
    throw new CountersignError("grant.failed", `the server that grants keys cannot be reached at ${place}`, {
      hint: "check the address and the connection; another origin's handler has to name this one in `origins`",
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    throw asError(response.status, body);
  }
  const time = (value: unknown, otherwise: number) => (typeof value === "string" ? Date.parse(value) : otherwise);
  const [begin, until, now] = [time(body.from, -Infinity), time(body.until, Infinity), time(body.now, asked)];
  if (body.vkey !== vkey || [begin, until, now].some(Number.isNaN) || until <= now) {
    throw new CountersignError("grant.failed", `what answers at ${place} grants no keys`, {
      hint: "is this the address of an issuer's handler?",
    });
  }
  checkClock(asked, begin, until, now);
  // By this device's clock, which may be ahead: or it would be asked for anew at once, again and again.
  return { until, renew: until === Infinity ? until : until - (until - asked) * LEFT };
}

/** An address as errors may tell it: a query can hold a token. */
function placeOf(address: string | URL): string {
  const text = `${address}`;
  const hint = "browsers ask at no such address: send what the server wants in init: { headers }";
  must(
    !/^([a-z][a-z0-9+.-]*:)?[/\\]{2}[^/\\?#]*@/i.test(text),
    "from",
    "the address of the server that grants keys has a password in it",
    hint,
  );
  return text.replace(/[?#].*$/s, "");
}

/** A clock that is wrong would have every event refused, so it is told at once. */
function checkClock(asked: number, begin: number, until: number, now: number): void {
  const hint = "set this device's clock; nothing that it records now is taken by the log";
  if (asked > now + AHEAD || asked >= until) {
    const minutes = Math.round((asked - now) / 60_000);
    throw new CountersignError("clock.ahead", `this device's clock is ${minutes} minutes ahead of the server's`, {
      hint,
    });
  }
  if (Date.now() < begin) {
    throw new CountersignError("clock.behind", "by this device's clock the key's grant has not begun", { hint });
  }
}
