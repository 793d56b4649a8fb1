/** The connection to a log server's live view, across disconnects and logs that change in the meantime. */

import { concat } from "@countersign/shared/bytes.js";
import { jsonOf } from "@countersign/shared/foreign.js";
import { deferred } from "@countersign/shared/promises.js";
import { isRetryable } from "@countersign/shared/reason.js";
import { settlesWithin } from "@countersign/shared/timers.js";
import { readStream } from "@countersign/shared/verify.js";
import { type PinnedState, pinnedState } from "./pin.js";
import {
  isEventStream,
  type Refusal,
  refusalIn,
  refuseOtherThanStream,
  refusePage,
  retryAfterMs,
} from "./responses.js";
import { sourceError } from "./source-error.js";

/** State of the connection. */
export type Link = { readonly state: "connecting" | "following" | "ended" } | Reconnection | LostLink;

/** A retry that has no response so far. */
interface Reconnection {
  readonly state: "connecting";
  /** False if the log never sent anything. */
  readonly wasConnected: boolean;
  /** Gives this attempt up and makes another one. */
  readonly retry: () => void;
}

/** A connection that is retried. */
export interface LostLink {
  readonly state: "lost";
  /** Seconds until the next attempt. */
  readonly seconds: number;
  /** Time of the next attempt, in milliseconds since the epoch. */
  readonly retryAt: number;
  /** HTTP status of the last response, if it was an error. */
  readonly status: number | undefined;
  /** False if the log never sent anything. */
  readonly wasConnected: boolean;
  /** Retries at once. */
  readonly retry: () => void;
}

/** Fetches an address. */
type Request = (address: string, init: RequestInit) => Promise<Response>;

/** First and maximum delay before a retry, in milliseconds. */
const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
/** Maximum time until a retry's response begins, in milliseconds. The first attempt has none: a server may buffer an export. */
const MAX_RESPONSE_MS = 60_000;

/** Parameters that choose an export's entries by their place. A stream continues after them. */
const PLACES = ["from", "limit", "boundary"] as const;
/** Parameters and headers that name a place which the log may no longer have. */
const STARTS: ReadonlySet<string> = new Set(["from", "boundary", "Last-Event-ID"]);

/** Beginnings of the lines that state the size of a log: a checkpoint, and the head of a tenant log. */
const STATES = ['{"checkpoint":', '{"head":'] as const;
/** Bytes at the end of an export that are searched for its last state. */
const TAIL_BYTES = 256 << 10;
const LF = 0x0a;

/**
 * A live view. Its lines are those of one export until it has to restart. If the address is that of an export, the
 * export is read first, and then continued from the address `stream` next to it, with the same conditions.
 */
export class LiveConnection {
  /** Called whenever the connection changes. */
  onLink: (link: Link) => void = () => {};
  /** Called when the lines have ended and the next call of `lines` yields those of another export. */
  onRestart: () => void = () => {};
  #address: string;
  #request: Request;
  #signal: AbortSignal;
  /**
   * The place where the view resumes, as the log server's events name it: the index of the last entry, and in a tenant log
   * also the tick of the last head or anchor, and from an anchor on the tick of the head that proves it.
   */
  #lastId = "";
  /** Size of the log in the pin, where the view begins or the export is cut; undefined if there is no pin. */
  #from: string | undefined;
  /** True if the address is an export that a stream continues. */
  #isExport: boolean;
  /** True if the export had no entries, so that the stream begins at the log's first one. */
  #isEmpty = false;
  #wait = MIN_RETRY_MS;
  /** True from a failed attempt until a response. */
  #isLost = false;
  /** True if the log sent anything. */
  #wasConnected = false;
  /** The current request and its response. */
  #attempt: AbortController | undefined;
  /** True if the view restarted because the log refused to continue it, and was not continued since then. */
  #isRestarted = false;

  constructor(address: string, request: Request, signal: AbortSignal) {
    this.#address = address;
    this.#request = request;
    this.#signal = signal;
    // A page that the browser keeps after the reader left it would keep its connection, and browsers allow few.
    globalThis.addEventListener?.("pagehide", () => this.#attempt?.abort(), { signal });
    // Until there is a response, which says so.
    this.#isExport = !new URL(address, document.baseURI).pathname.endsWith("/stream");
  }

  /**
   * Yields the lines of an export that continues to grow. The next call starts another one, at the size of the pin, so
   * that its result is compared with the pin.
   */
  async *lines(pin: string | null): AsyncGenerator<string | Uint8Array, void, undefined> {
    this.#lastId = "";
    this.#from = pin === null ? undefined : pinnedState(pin)?.size.toString();
    let hasBegun = false;
    while (!this.#signal.aborted) {
      const response = await this.#connect();
      if (response === undefined) {
        continue;
      }
      if (isRefused(response)) {
        const refusal = await refusalIn(response);
        if (!isOfStart(response, refusal) || (hasBegun && this.#isRestarted)) {
          throw refusal.error;
        }
        if (hasBegun) {
          // The log can't continue from what it showed. It is read again and compared with the pin, once.
          this.#isRestarted = true;
          break;
        }
        this.#handleRefusal(refusal);
        continue;
      }
      refusePage(response);
      this.#wasConnected = true;
      this.#isLost = false;
      if (!hasBegun && !this.#isEmpty) {
        this.#isExport = !isEventStream(response);
      }
      if (!hasBegun && !isEventStream(response)) {
        hasBegun = true;
        this.#refuseEnd();
        this.#lastId = yield* this.#history(response);
        if (this.#isEmpty) {
          this.onRestart();
          return;
        }
        if (this.#lastId === "") {
          break;
        }
        continue;
      }
      refuseOtherThanStream(response);
      const isContinued = this.#lastId !== "";
      let isFirst = true;
      const stream = readStream(response, this.#lastId);
      this.onLink({ state: "following" });
      try {
        for await (const line of stream) {
          if (isFirst && hasBegun && line.startsWith('{"countersign":')) {
            this.onRestart();
            return;
          }
          isFirst = false;
          hasBegun = true;
          this.#wait = MIN_RETRY_MS;
          this.#isRestarted &&= !isContinued;
          yield line;
          this.#lastId = stream.lastEventId;
        }
      } catch (error) {
        if (this.#signal.aborted) {
          throw error;
        }
      }
      if (hasBegun && this.#lastId === "") {
        // The stream was cut before anything it could resume from.
        break;
      }
      await this.#pause();
    }
    if (!this.#signal.aborted) {
      // Delays the restart, in case the log keeps refusing.
      await this.#pause();
      this.onRestart();
    }
  }

  /**
   * Yields the bytes of an export as whole lines. Returns the ID after which the stream continues; empty if the
   * connection was cut, or if the log has no entries.
   */
  async *#history(response: Response): AsyncGenerator<Uint8Array, string, undefined> {
    this.onLink({ state: "following" });
    let rest: Uint8Array<ArrayBuffer> = new Uint8Array();
    let tail: Uint8Array<ArrayBuffer> = new Uint8Array();
    try {
      for await (const chunk of response.body ?? []) {
        const bytes = concat([rest, chunk]);
        const end = bytes.lastIndexOf(LF) + 1;
        rest = bytes.slice(end);
        if (end > 0) {
          const lines = bytes.subarray(0, end);
          tail = concat([tail, lines]).slice(-TAIL_BYTES);
          yield lines;
        }
      }
    } catch (error) {
      if (this.#signal.aborted) {
        throw error;
      }
      return "";
    }
    const last = lastState(new TextDecoder().decode(tail));
    if (last === undefined) {
      throw sourceError("source.invalid", "source.no_checkpoint", { hint: "hint.source.no_checkpoint" });
    }
    const { size, tick } = last;
    if (size === 0) {
      this.#isEmpty = true;
      return "";
    }
    return tick === undefined ? `${size - 1}` : `${size - 1}/${tick}`;
  }

  /** Handles a refusal before anything was read: the log no longer has that size. */
  #handleRefusal({ error }: Refusal): void {
    if (this.#from === undefined) {
      throw error;
    }
    // The log is smaller than it was. It is read as it is, and the pin reveals the difference.
    this.#from = undefined;
  }

  /** Throws if the export ends at an entry: a stream would show more. */
  #refuseEnd(): void {
    if (new URL(this.#address, document.baseURI).searchParams.has("to")) {
      throw sourceError("source.invalid", "source.bounded", { hint: "hint.source.bounded" });
    }
  }

  async #connect(): Promise<Response | undefined> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const wasConnected = this.#wasConnected;
    let isGivenUp = false;
    const retry = () => {
      isGivenUp = true;
      attempt.abort();
    };
    const limit = this.#isLost ? setTimeout(() => attempt.abort(), MAX_RESPONSE_MS) : undefined;
    this.onLink({ state: "connecting", ...(this.#isLost && { wasConnected, retry }) });
    const headers: Record<string, string> = { accept: "text/event-stream, application/x-ndjson" };
    if (this.#lastId !== "") {
      headers["last-event-id"] = this.#lastId;
    }
    const response = await this.#request(this.#where(), {
      headers,
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.any([this.#signal, attempt.signal]),
    })
      .catch((error: unknown) => {
        if (this.#signal.aborted) {
          throw error;
        }
        return undefined;
      })
      .finally(() => clearTimeout(limit));
    if (response?.ok || (response !== undefined && isRefused(response))) {
      return response;
    }
    await response?.body?.cancel();
    if (!isGivenUp) {
      await this.#pause(response);
    }
    return undefined;
  }

  #where(): string {
    const address = new URL(this.#address, document.baseURI);
    if (this.#isEmpty) {
      return streamNextTo(address, { from: "0" });
    }
    if (this.#lastId !== "") {
      return this.#isExport ? streamNextTo(address) : address.href;
    }
    if (this.#from !== undefined) {
      // An export is cut there for comparison; a stream begins there.
      address.searchParams.set(this.#isExport ? "boundary" : "from", this.#from);
    }
    return address.href;
  }

  /** Waits before the next attempt, at least as long as the response demands. */
  async #pause(response?: Response): Promise<void> {
    const wait = Math.max(this.#wait, response === undefined ? 0 : retryAfterMs(response));
    this.#wait = Math.min(MAX_RETRY_MS, 2 * this.#wait);
    this.#isLost = true;
    const ended = deferred<void>();
    const end = () => ended.resolve();
    this.onLink({
      state: "lost",
      seconds: Math.round(wait / 1000),
      retryAt: Date.now() + wait,
      status: response?.status || undefined,
      wasConnected: this.#wasConnected,
      retry: end,
    });
    this.#signal.addEventListener("abort", end);
    await settlesWithin(wait, ended.promise).finally(() => this.#signal.removeEventListener("abort", end));
    this.#signal.throwIfAborted();
  }
}

/** Returns the address of the stream that continues an export, with the export's conditions. */
function streamNextTo(address: URL, { from }: { readonly from?: string } = {}): string {
  const stream = new URL("stream", address);
  stream.search = address.search;
  for (const name of PLACES) {
    stream.searchParams.delete(name);
  }
  if (from !== undefined) {
    stream.searchParams.set("from", from);
  }
  return stream.href;
}

/** Returns the state in the last checkpoint or head of these lines. */
function lastState(lines: string): PinnedState | undefined {
  const line = lines.split("\n").findLast((line) => STATES.some((start) => line.startsWith(start))) ?? "";
  const { checkpoint, head }: { checkpoint?: unknown; head?: unknown } = Object(jsonOf(line));
  return pinnedState(String(checkpoint ?? head));
}

/** True if retrying the request is useless. */
function isRefused({ status }: Response): boolean {
  return status >= 400 && !isRetryable(status);
}

/** True if the log may refuse only the place where the view begins or resumes. */
function isOfStart({ status }: Response, { parameter }: Refusal): boolean {
  return status === 400 && (parameter === undefined || STARTS.has(parameter));
}
