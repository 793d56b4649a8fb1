/** A reader of a log, which passes on only what it has verified. */

import type { Fetch } from "../deliver/log-server.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import type { EventBatch, VerifiedEvent } from "../verify/batch.js";
import type { Verification } from "../verify/create-verifier.js";
import { verify } from "../verify/verify.js";
import { type LogState, parseState } from "./checkpoint.js";
import { Pages } from "./pages.js";

/** Options of `openLog`. */
export interface OpenLogOptions {
  /**
   * The log server's URL, optionally with a path. For a tenant log, that of the log: `https://log.example/t/8f00…`.
   *
   * @example
   * ```ts
   * url: "https://log.example"
   * ```
   */
  url: string | URL;
  /**
   * A reader's token, which the log operator creates with `countersign token add NAME`.
   *
   * @default undefined: requests have no token
   * @example
   * ```ts
   * token: process.env.AUDIT_TOKEN
   * ```
   */
  token?: string | undefined;
  /**
   * The text of the trust file, with the log's key and the keys that may write to it. Get it from the log operator,
   * never from the log server.
   *
   * @example
   * ```ts
   * trust: await readFile("trust.txt", "utf8")
   * ```
   */
  trust: string;
  /**
   * Sends the requests, such as the `fetch` of a service binding.
   *
   * @default the runtime's `fetch`
   * @example
   * ```ts
   * fetch: (url, init) => env.LOG.fetch(url, init)
   * ```
   */
  fetch?: Fetch | undefined;
  /**
   * Timeout for receiving and verifying a page of entries, in milliseconds.
   *
   * @default 60000
   * @example
   * ```ts
   * timeoutMs: 120_000
   * ```
   */
  timeoutMs?: number | undefined;
}

/** A position in a log. It can be stored as JSON. */
export interface Position {
  /** The index of the next entry to read. All matching events before it were returned. */
  readonly next: number;
  /**
   * The newest verified checkpoint, or the head of a tenant log. The log must continue it, so a log server can't remove
   * or change earlier entries unnoticed. Null at the beginning.
   */
  readonly pin: string | null;
}

/** Options of `events`. */
export interface EventsOptions {
  /**
   * The events to return, in the query language of `docs/query.md`.
   *
   * @default undefined: all events
   * @example
   * ```ts
   * query: "actor:u_1 action:job.*"
   * ```
   */
  query?: string | undefined;
  /**
   * The position after which to continue: `position` of an earlier reading.
   *
   * @default undefined: starts at the first entry
   * @example
   * ```ts
   * after: JSON.parse(await readFile("position.json", "utf8"))
   * ```
   */
  after?: Position | undefined;
  /**
   * Stops the reading; the iterator throws the signal's reason.
   *
   * @default undefined
   * @example
   * ```ts
   * signal: AbortSignal.timeout(10_000)
   * ```
   */
  signal?: AbortSignal | undefined;
}

/** Verified events of a log, in the order of the log, up to the entry that was its newest when the reading began. */
export interface VerifiedEvents extends AsyncIterable<VerifiedEvent> {
  /** The position after the last returned event; at the end, after the last entry. Store it to continue from there. */
  readonly position: Position;
  /**
   * Number of events in the entries read so far that the server withheld, because they were erased or the token can't see
   * them. With a query, the server may also omit entries, which are not counted.
   */
  readonly withheld: number;
}

/** A log on a server. */
export interface OpenLog {
  /**
   * Reads the log in pages. Each page is verified completely before one of its events is returned. Throws
   * `log.unverified` if a page isn't authentic, is not of a trusted log, is of another log than `after`, or contradicts
   * what was verified before; `log.rollback` if the log is shorter than before; and `log_server.*` if the server can't be
   * read or the connection is lost. All events returned before remain verified, and `position` is after the last of them.
   * An invalid trust file is rejected before the first request.
   *
   * Without a query, no entry is missing, and `withheld` counts the events that aren't returned because they were erased
   * or the token can't see them. With a query, the server selects the events: each is verified, but nothing proves that
   * the server returned all that match.
   */
  events(options?: EventsOptions): VerifiedEvents;
}

const OPTIONS = ["url", "token", "trust", "fetch", "timeoutMs"];

/** Initial, minimum, and maximum number of entries of a page. */
const PAGE = { first: 1_024, min: 1, max: 65_536 };
/** Size of a page's events below which the next page is larger, in bytes. */
const SMALL_BYTES = 1 << 20;
/** Maximum size of a page's events, in bytes. A larger page is requested again in smaller parts. */
const MAX_BYTES = 16 << 20;

/**
 * Opens a log for reading. Nothing is requested until events are.
 *
 * @example
 * ```ts
 * const log = openLog({ url: "https://log.example", token: process.env.AUDIT_TOKEN, trust });
 * const events = log.events({ query: "action:role.grant", after: await savedPosition() });
 * for await (const event of events) {
 *   await handle(event.parse());
 *   await savePosition(events.position);
 * }
 * ```
 */
export function openLog(options: OpenLogOptions): OpenLog {
  const { url, token, trust, fetch, timeoutMs = 60_000 } = ownOptions(options, OPTIONS);
  must(
    typeof trust === "string" && trust.trim() !== "",
    "trust",
    "`trust` is required: the text of the trust file",
    "pass the text of a file with a `log` line, from the log operator",
  );
  const isTime = Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= 3_600_000;
  must(isTime, "timeoutMs", "`timeoutMs` must be a whole number from 1 to 3600000", "omit it for the default");
  const pages = new Pages(url, token, fetch);
  return {
    events(options = {}) {
      const { query, after, signal } = ownOptions(options, ["query", "after", "signal"]);
      must(
        query === undefined || typeof query === "string",
        "query",
        "`query` must be a string",
        "pass a query, or omit it",
      );
      const isSignal = signal === undefined || typeof signal?.throwIfAborted === "function";
      must(isSignal, "signal", "`signal` must be an AbortSignal", "pass the signal of an AbortController");
      return new LogEvents({ pages, trust, timeoutMs, query, signal }, positionOf(after));
    },
  };
}

function positionOf(after: unknown): Position {
  if (after === undefined) {
    return { next: 0, pin: null };
  }
  const { next, pin } = Object(after) as Partial<Position>;
  const isRight =
    typeof next === "number" && Number.isSafeInteger(next) && next >= 0 && (pin === null || typeof pin === "string");
  must(isRight, "after", "`after` must be a position", "pass the `position` of an earlier reading unchanged");
  must(
    pin === null || parseState(pin) !== undefined,
    "after",
    "`after.pin` is not a checkpoint",
    "pass `position` unchanged",
  );
  return { next, pin };
}

/** The settings of a reading. */
interface Reading {
  readonly pages: Pages;
  readonly trust: string;
  readonly timeoutMs: number;
  readonly query: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A verified page. */
interface Page {
  readonly events: readonly VerifiedEvent[];
  /** Size of the events, in bytes. */
  readonly bytes: number;
  /** Number of events that the server withheld. */
  readonly withheld: number;
  readonly pin: string;
}

/** Thrown if a page has too many bytes. */
const TOO_LARGE = Symbol("too large");

class LogEvents implements VerifiedEvents {
  readonly #reading: Reading;
  #position: Position;
  #isBegun = false;
  #withheld = 0;

  constructor(reading: Reading, position: Position) {
    this.#reading = reading;
    this.#position = position;
  }

  get position(): Position {
    return this.#position;
  }

  get withheld(): number {
    return this.#withheld;
  }

  [Symbol.asyncIterator](): AsyncIterator<VerifiedEvent, undefined> {
    if (this.#isBegun) {
      throw new CountersignError("source.invalid", "these events are already being read", {
        hint: "call `events` again, with `after: events.position` to continue",
      });
    }
    this.#isBegun = true;
    return this.#read();
  }

  async *#read(): AsyncGenerator<VerifiedEvent, undefined> {
    const { pages, trust } = this.#reading;
    const state = await this.#within(async (signal) => {
      // Rejects an invalid trust file before a request is sent with the token.
      await verify(new Uint8Array(), { trust, threads: 0, signal });
      return pages.state(signal);
    });
    refuseOther(state, this.#position);
    const { size } = state;
    let length = PAGE.first;
    while (true) {
      const { next } = this.#position;
      if (next >= size) {
        return;
      }
      const to = Math.min(next + length, size);
      let page: Page;
      try {
        page = await this.#within((signal) => this.#page(next, to, signal));
      } catch (cause) {
        if (cause !== TOO_LARGE || length <= PAGE.min) {
          throw cause === TOO_LARGE ? tooLarge(next) : cause;
        }
        length = Math.max(PAGE.min, Math.floor(Math.min(length, to - next) / 2));
        continue;
      }
      this.#withheld += page.withheld;
      for (const event of page.events) {
        // The pin is of the whole page, which was verified.
        this.#position = { next: event.index + 1, pin: page.pin };
        yield event;
      }
      this.#position = { next: to, pin: page.pin };
      length = page.bytes < SMALL_BYTES ? Math.min(PAGE.max, 2 * length) : length;
    }
  }

  /** Requests and verifies a page. */
  async #page(from: number, to: number, signal: AbortSignal): Promise<Page> {
    const { pages, trust, query } = this.#reading;
    const { pin } = this.#position;
    const known = pin === null ? undefined : parseState(pin);
    const response = await pages.entries(from, to, query, known?.size, signal);
    const batches: EventBatch[] = [];
    let [bytes, withheld] = [0, 0];
    const isAsked = (index: number) => index >= from && index < to;
    const verification = await verify(response, {
      trust,
      pins: pin === null ? [] : [pin],
      expect: {
        // Pins of other logs are ignored.
        ...(known === undefined ? {} : { origin: known.origin }),
        // Without a query, no entry may be missing.
        ...(query === undefined ? { range: [from, to] as const } : {}),
      },
      threads: 0,
      signal,
      onEvents(batch) {
        bytes += batch.bytes.length;
        if (bytes > MAX_BYTES) {
          throw TOO_LARGE;
        }
        batches.push(batch);
      },
      onMarks(marks) {
        withheld += marks.filter((mark) => mark.kind === "withheld" && isAsked(mark.index)).length;
      },
    }).catch((cause: unknown) => {
      const isCut = cause instanceof CountersignError && cause.code === "source.unreadable";
      throw isCut ? pages.interrupted(cause, signal) : cause;
    });
    const { report } = verification;
    refuseUnverified(verification);
    const events = batches.flatMap((batch) => [...batch]).sort((a, b) => a.index - b.index);
    if (events.length !== report.counts.events) {
      throw unverified(`${report.counts.events - events.length} of its events have no valid signature`, undefined);
    }
    const { size } = report.log ?? {};
    if (size === undefined || size < to || verification.pin === null) {
      throw unverified("its last checkpoint does not cover the requested entries", undefined);
    }
    return { events: events.filter(({ index }) => isAsked(index)), bytes, withheld, pin: verification.pin };
  }

  /** Runs work with a signal that ends it in time. */
  async #within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, timeoutMs } = this.#reading;
    signal?.throwIfAborted();
    const late = new CountersignError("log_server.timeout", `the log server did not respond within ${timeoutMs} ms`, {
      hint: "check the load of the log server, or raise timeoutMs",
    });
    const control = new AbortController();
    const abort = () => control.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const timer = setTimeout(() => control.abort(late), timeoutMs);
    try {
      return await work(control.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** Throws if the log is not the one of the position, or can't have grown from it. */
function refuseOther(state: LogState, { next, pin }: Position): void {
  const known = pin === null ? undefined : parseState(pin);
  if (known !== undefined && state.origin !== known.origin) {
    throw unverified("it is of another log than `after`", "check that `url` and `after` are of the same log");
  }
  const before = Math.max(next, known?.size ?? 0);
  if (state.size < before) {
    throw rolledBack(state.size, before);
  }
  if (known !== undefined && state.size === known.size && state.root !== known.root) {
    throw unverified(`the log's ${known.size} entries are not those that were verified before`, undefined);
  }
}

/** Throws unless everything in a page is authentic, and it is a part of a log that the trust file names. */
function refuseUnverified({ report, doubts }: Verification): void {
  const { verdict, checks, findings } = report;
  const finding = findings.find(({ severity }) => severity === "error") ?? findings[0];
  if (verdict !== "verified" && verdict !== "partial" && !showsNothing(report)) {
    const place = finding === undefined ? "" : `: line ${finding.line}: ${finding.message} (${finding.code})`;
    const reasons = Object.values(checks).flatMap(({ reason }) => reason ?? []);
    throw unverified(
      `the verdict is ${verdict}${place || (reasons[0] === undefined ? "" : `: ${reasons[0]}`)}`,
      finding?.hint,
    );
  }
  if (checks.log.state !== "pass") {
    throw unverified("no log of the trust file signed it", "add the line `log` with the log's vkey to the trust file");
  }
  if (doubts === "all" || doubts.length > 0) {
    throw unverified("the signer of some of its events is in doubt", finding?.hint);
  }
}

/**
 * True if a page has no event, so that there is nothing to verify but that the log signed it. The log may have no event
 * that a query finds, or only chains that end.
 */
function showsNothing({ verdict, checks, counts }: Verification["report"]): boolean {
  const isRefuted = Object.values(checks).some(({ state }) => state === "fail");
  return verdict === "not_checked" && counts.events === 0 && checks.tree.state === "pass" && !isRefuted;
}

function unverified(why: string, hint: string | undefined): CountersignError {
  return new CountersignError("log.unverified", `the log server's answer was not verified: ${why}`, {
    hint: hint || "keep the answer as evidence, and contact the log operator",
  });
}

function rolledBack(size: number, before: number): CountersignError {
  return new CountersignError(
    "log.rollback",
    `the log has ${size} entries, fewer than the ${before} that it had before`,
    {
      hint: "check that `url` and `after` are of the same log; otherwise contact the log operator, because the log lost entries",
    },
  );
}

function tooLarge(index: number): CountersignError {
  return unverified(`entry ${index} has more than ${MAX_BYTES} bytes`, undefined);
}
