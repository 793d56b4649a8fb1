/** Follows a log server's live view, over connections that are cut and logs that change behind one's back. */

import { concat } from "@countersign/shared/bytes.js";
import { CountersignError } from "@countersign/shared/error.js";
import { deferred } from "@countersign/shared/promises.js";
import { passes } from "@countersign/shared/reason.js";
import { comesWithin } from "@countersign/shared/timers.js";
import { readStream } from "@countersign/shared/verify.js";

/** How the connection is. */
export type Link =
  | { readonly state: "connecting" | "following" | "ended" }
  /** It is tried again after so many seconds. */
  | { readonly state: "lost"; readonly seconds: number };

/** How an address is asked for. */
type Request = (address: string, init: RequestInit) => Promise<Response>;

/** How long to wait before the first new try, and at most, in milliseconds. */
const SOON = 1000;
const LATE = 30_000;

/** The size of a checkpoint: its second line. */
const SIZE = /^[^\n]*\n(\d{1,16})\n/;

/** The last checkpoint of an export's last lines. */
const LAST_CHECKPOINT = /\{"checkpoint":"[^"\\\n]+\\n(\d{1,16})\\n/g;
/** How much of an export's end is looked at for it. */
const TAIL = 256 << 10;
const LF = 0x0a;

/**
 * A live view. Its lines are those of one export until it has to begin anew. Where the address is that of an export,
 * it is read first, and what follows it comes from the address `stream` beside it.
 */
export class Following {
  /** Told whenever the connection changes. */
  onLink: (link: Link) => void = () => {};
  /** Told that the lines have ended, and that those of another export follow. */
  onAnew: () => void = () => {};
  #address: string;
  #request: Request;
  #signal: AbortSignal;
  #lastId = "";
  /** The size at which the view begins, or is to be cut; undefined where the address says it. */
  #from: string | undefined;
  /** Whether the address gave an export, and a stream goes on from it. */
  #isExport = false;
  #wait = SOON;

  constructor(address: string, request: Request, signal: AbortSignal) {
    this.#address = address;
    this.#request = request;
    this.#signal = signal;
  }

  /**
   * The lines of an export that goes on. The next call begins another one, at the size of the pin: what it leads to is
   * compared with it.
   */
  async *lines(pin: string | null): AsyncGenerator<string | Uint8Array, void, undefined> {
    this.#lastId = "";
    this.#from = pin === null ? undefined : SIZE.exec(pin)?.[1];
    let hasBegun = false;
    while (!this.#signal.aborted) {
      const response = await this.#connect();
      if (response === undefined) {
        continue;
      }
      if (isRefused(response)) {
        await response.body?.cancel();
        if (hasBegun) {
          // The log cannot go on from what it had shown.
          break;
        }
        this.#refused(response);
        continue;
      }
      if (!hasBegun && isExport(response)) {
        hasBegun = true;
        this.#isExport = true;
        const size = yield* this.#history(response);
        if (size === undefined || size === 0) {
          break;
        }
        this.#lastId = String(size - 1);
        continue;
      }
      let isFirst = true;
      const stream = readStream(response, this.#lastId);
      this.onLink({ state: "following" });
      try {
        for await (const line of stream) {
          if (isFirst && hasBegun && line.startsWith('{"countersign":')) {
            this.onAnew();
            return;
          }
          isFirst = false;
          hasBegun = true;
          this.#wait = SOON;
          yield line;
          this.#lastId = stream.lastEventId;
        }
      } catch (error) {
        if (this.#signal.aborted) {
          throw error;
        }
      }
      if (hasBegun && this.#lastId === "") {
        // It was cut before anything that it could go on from.
        break;
      }
      await this.#pause();
    }
    if (!this.#signal.aborted) {
      // Where that stays so, it is not asked all the time.
      await this.#pause();
      this.onAnew();
    }
  }

  /** The bytes of an export, whole lines at a time. Gives the size that it ends with; undefined where it was cut. */
  async *#history(response: Response): AsyncGenerator<Uint8Array, number | undefined, undefined> {
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
          tail = concat([tail, lines]).slice(-TAIL);
          yield lines;
        }
      }
    } catch (error) {
      if (this.#signal.aborted) {
        throw error;
      }
      return undefined;
    }
    const [, size] = [...new TextDecoder().decode(tail).matchAll(LAST_CHECKPOINT)].at(-1) ?? [];
    if (size === undefined) {
      throw new CountersignError("source.invalid", "the export ends without a checkpoint", {
        hint: "only what a log exported can be followed: leave the attribute live out, or give the address of the log's stream",
      });
    }
    this.#wait = SOON;
    return Number(size);
  }

  /** A refusal before anything was read: of a size that the log no longer has, or of the reader. */
  #refused({ status }: Response): void {
    if (this.#from === undefined || status !== 400) {
      throw new CountersignError("source.invalid", `the log answered with status ${status}`, {
        hint: "check the address, and whether it needs a login",
      });
    }
    // The log is smaller than it was. It is read from where it is, and the pin tells.
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
    if (this.#from !== undefined) {
      // An export is cut there, so that what it leads to can be compared; a stream begins there.
      address.searchParams.set(this.#isExport ? "boundary" : "from", this.#from);
    }
    return address.href;
  }

  async #pause(): Promise<void> {
    const wait = this.#wait;
    this.#wait = Math.min(LATE, 2 * wait);
    this.onLink({ state: "lost", seconds: Math.round(wait / 1000) });
    const aborted = deferred<never>();
    const abort = () => aborted.reject(this.#signal.reason);
    this.#signal.addEventListener("abort", abort);
    await comesWithin(wait, aborted.promise).finally(() => this.#signal.removeEventListener("abort", abort));
  }
}

/** Whether trying the same again is of no use. */
function isRefused({ status }: Response): boolean {
  return status >= 400 && !passes(status);
}

/** Whether it has an end. */
function isExport(response: Response): boolean {
  return !/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
}
