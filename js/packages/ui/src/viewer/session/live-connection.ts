/** The connection to a log server's live view, across disconnects and logs that change in the meantime. */

import { concat } from "@countersign/shared/bytes.js";
import { CountersignError } from "@countersign/shared/error.js";
import { jsonOf } from "@countersign/shared/foreign.js";
import { deferred } from "@countersign/shared/promises.js";
import { isRetryable } from "@countersign/shared/reason.js";
import { settlesWithin } from "@countersign/shared/timers.js";
import { readStream } from "@countersign/shared/verify.js";
import { type PinnedState, pinnedState } from "./pin.js";

/** State of the connection. */
export type Link =
  | { readonly state: "connecting" | "following" | "ended" }
  /** Retried after this many seconds. */
  | { readonly state: "lost"; readonly seconds: number };

/** Fetches an address. */
type Request = (address: string, init: RequestInit) => Promise<Response>;

/** First and maximum delay before a retry, in milliseconds. */
const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/** Beginnings of the lines that state the size of a log: a checkpoint, and the head of a tenant log. */
const STATES = ['{"checkpoint":', '{"head":'] as const;
/** Bytes at the end of an export that are searched for its last state. */
const TAIL_BYTES = 256 << 10;
const LF = 0x0a;

/**
 * A live view. Its lines are those of one export until it has to restart. If the address is that of an export, the
 * export is read first, and then continued from the address `stream` next to it.
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
  #isExport = false;
  /** True if the export had no entries, so that the stream begins at the log's first one. */
  #isEmpty = false;
  #wait = MIN_RETRY_MS;

  constructor(address: string, request: Request, signal: AbortSignal) {
    this.#address = address;
    this.#request = request;
    this.#signal = signal;
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
        await response.body?.cancel();
        if (hasBegun) {
          // The log can't continue from what it showed.
          break;
        }
        this.#handleRefusal(response);
        continue;
      }
      if (!hasBegun && isExport(response)) {
        hasBegun = true;
        this.#isExport = true;
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
      throw new CountersignError("source.invalid", "the export ends without a checkpoint", {
        hint: "remove the attribute `live`, or set `src` to the address of the log's stream",
      });
    }
    this.#wait = MIN_RETRY_MS;
    const { size, tick } = last;
    if (size === 0) {
      this.#isEmpty = true;
      return "";
    }
    return tick === undefined ? `${size - 1}` : `${size - 1}/${tick}`;
  }

  /** Handles a refusal before anything was read: the log no longer has that size, or it rejects this reader. */
  #handleRefusal({ status }: Response): void {
    if (this.#from === undefined || status !== 400) {
      throw new CountersignError("source.invalid", `the log server returned HTTP status ${status}`, {
        hint: "check the URL and whether it requires authentication",
      });
    }
    // The log is smaller than it was. It is read as it is, and the pin reveals the difference.
    this.#from = undefined;
  }

  async #connect(): Promise<Response | undefined> {
    this.onLink({ state: "connecting" });
    const headers: Record<string, string> = { accept: "text/event-stream, application/x-ndjson" };
    if (this.#lastId !== "") {
      headers["last-event-id"] = this.#lastId;
    }
    const response = await this.#request(this.#where(), {
      headers,
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: this.#signal,
    }).catch((error: unknown) => {
      if (this.#signal.aborted) {
        throw error;
      }
      return undefined;
    });
    if (response?.ok || (response !== undefined && isRefused(response))) {
      return response;
    }
    await response?.body?.cancel();
    await this.#pause();
    return undefined;
  }

  #where(): string {
    const address = new URL(this.#address, document.baseURI);
    if (this.#lastId !== "") {
      return this.#isExport ? new URL("stream", address).href : address.href;
    }
    if (this.#isEmpty) {
      return new URL("stream?from=0", address).href;
    }
    if (this.#from !== undefined) {
      // An export is cut there for comparison; a stream begins there.
      address.searchParams.set(this.#isExport ? "boundary" : "from", this.#from);
    }
    return address.href;
  }

  async #pause(): Promise<void> {
    const wait = this.#wait;
    this.#wait = Math.min(MAX_RETRY_MS, 2 * wait);
    this.onLink({ state: "lost", seconds: Math.round(wait / 1000) });
    const aborted = deferred<never>();
    const abort = () => aborted.reject(this.#signal.reason);
    this.#signal.addEventListener("abort", abort);
    await settlesWithin(wait, aborted.promise).finally(() => this.#signal.removeEventListener("abort", abort));
  }
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

/** True if the response has an end. */
function isExport(response: Response): boolean {
  return !/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
}
