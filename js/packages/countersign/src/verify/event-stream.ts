/** Lines that a log server sends as server-sent events: `GET /stream`. */

import { CountersignError, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { within } from "../timers.js";
import { readable, readableBody } from "./source.js";

/** Options of `readStream`. */
export interface ReadStreamOptions {
  /**
   * Milliseconds without a byte after which the connection counts as lost. A log server sends a comment at least every 15
   * seconds.
   *
   * @default 45000
   * @example
   * ```ts
   * maxSilenceMs: 20_000
   * ```
   */
  maxSilenceMs?: number | undefined;
}

/** Maximum length of a line: 1 MiB as in an export, and the name of its field. */
const MAX_LINE = (1 << 20) + 64;
/** Three times the 15 seconds after which a log server without events sends a comment. */
const MAX_SILENCE_MS = 45_000;

/** The lines of a live view. Connection errors are thrown; to resume, send `lastEventId`. */
export class EventStream implements AsyncIterable<string> {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #parser: Parser;
  #decoder = new TextDecoder("utf-8", { fatal: true });
  /** Events received but not returned yet. */
  #events: Iterator<Event> = [].values();
  #lastEventId: string;
  readonly #maxSilenceMs: number;

  constructor(stream: ReadableStream<Uint8Array>, lastEventId: string, maxSilenceMs: number = MAX_SILENCE_MS) {
    this.#maxSilenceMs = maxSilenceMs;
    this.#reader = stream.getReader();
    this.#parser = new Parser(lastEventId);
    this.#lastEventId = lastEventId;
  }

  /** The value of `Last-Event-ID` that resumes after the last returned line; empty if the view must start over. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    return {
      next: () => this.#next(),
      // Not a generator's `return`, which would wait for the next line.
      return: async () => {
        await this.#reader.cancel();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<IteratorResult<string, undefined>> {
    for (;;) {
      const event = this.#events.next();
      if (!event.done) {
        this.#lastEventId = event.value.id;
        return { done: false, value: event.value.data };
      }
      const { done, value } = await this.#read();
      if (done) {
        return { done, value: undefined };
      }
      try {
        this.#events = this.#parser.read(this.#decoder.decode(value, { stream: true })).values();
      } catch (error) {
        this.#reader.cancel(error).catch(() => {});
        throw error instanceof CountersignError ? error : broken("it is not valid UTF-8", error);
      }
    }
  }

  /** Reads the next bytes. A dead connection may stay open, so only silence reveals it. */
  async #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      return await within(
        this.#maxSilenceMs,
        readable(() => this.#reader.read()),
        () => silent(this.#maxSilenceMs),
      );
    } catch (error) {
      this.#reader.cancel(error).catch(() => {});
      throw error;
    }
  }
}

/**
 * Reads the response of `GET /stream` as lines for `verifyLive`. `lastEventId` is the value sent as `Last-Event-ID`. If no
 * byte arrives for 45 seconds, cancels the response and throws.
 */
export function readStream(
  source: Response | ReadableStream<Uint8Array>,
  lastEventId = "",
  options: ReadStreamOptions = {},
): EventStream {
  const { maxSilenceMs = MAX_SILENCE_MS } = ownOptions(options, ["maxSilenceMs"]);
  mustBeMillis(maxSilenceMs, "maxSilenceMs");
  return new EventStream(readableBody(source, "text/event-stream"), lastEventId, maxSilenceMs);
}

interface Event {
  data: string;
  /** The last event ID so far. */
  id: string;
}

/** Parses server-sent events according to the HTML standard. */
class Parser {
  /** The beginning of an incomplete line. */
  #rest = "";
  /** True if the previous text ended in CR, so that a following LF belongs to it. */
  #afterCr = false;
  #data: string | undefined;
  #type = "";
  #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  /** Returns the events that end in this text, which continues the previous one. */
  read(text: string): Event[] {
    const more = this.#afterCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCr = text === "" ? this.#afterCr : text.endsWith("\r");
    const [first = "", ...others] = more.split(/\r\n|\r|\n/);
    const lines = [this.#rest + first, ...others];
    if (lines.some(({ length }) => length > MAX_LINE)) {
      throw broken("a line is too long for an export");
    }
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  /** Processes a line. An empty one completes an event. */
  #line(line: string): Event[] {
    if (line === "") {
      // Events of other types don't belong to the view.
      const isOurs = this.#type === "" || this.#type === "message";
      const events = this.#data === undefined || !isOurs ? [] : [{ data: this.#data, id: this.#id }];
      this.#data = undefined;
      this.#type = "";
      return events;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    switch (field) {
      case "data":
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
        if (this.#data.length > MAX_LINE) {
          throw broken("an event is too long for a line of an export");
        }
        break;
      case "event":
        this.#type = value;
        break;
      case "id":
        if (!value.includes("\0")) {
          this.#id = value;
        }
        break;
    }
    return [];
  }
}

function silent(milliseconds: number): CountersignError {
  return new CountersignError("source.unreadable", `the event stream was silent for ${milliseconds / 1000} s`, {
    hint: "request it again with `lastEventId`; if this repeats, turn off response buffering in the proxies before the log server",
  });
}

function broken(why: string, cause?: unknown): CountersignError {
  return new CountersignError("source.unreadable", `the response is not a log's event stream: ${why}`, {
    hint: "check that the URL points to the log server's `/stream`",
    cause,
  });
}
