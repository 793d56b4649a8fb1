/** Lines that a log server sends as server-sent events: `GET /stream`. */

import { CountersignError } from "../error.js";
import { readable, readableBody } from "./source.js";

/** How long a line may be: that of an export has at most 1 MiB, and the name of its field stands before it. */
const LONGEST = (1 << 20) + 64;

/** The lines of a live view. What the connection met is thrown; whoever asks again begins at `lastEventId`. */
export class EventStream implements AsyncIterable<string> {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #parser: Parser;
  #decoder = new TextDecoder("utf-8", { fatal: true });
  /** What came and was not given yet. */
  #events: Iterator<Event> = [].values();
  #lastEventId: string;

  constructor(stream: ReadableStream<Uint8Array>, lastEventId: string) {
    this.#reader = stream.getReader();
    this.#parser = new Parser(lastEventId);
    this.#lastEventId = lastEventId;
  }

  /**
   * What to send as `Last-Event-ID` to get what follows the last line that was given; empty where the view has to begin
   * anew.
   */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    return {
      next: () => this.#next(),
      // Not a generator's, which would wait for the next line first.
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
      const { done, value } = await readable(() => this.#reader.read());
      if (done) {
        return { done, value: undefined };
      }
      try {
        this.#events = this.#parser.read(this.#decoder.decode(value, { stream: true })).values();
      } catch (error) {
        this.#reader.cancel(error).catch(() => {});
        throw error instanceof CountersignError ? error : broken("it is not UTF-8", error);
      }
    }
  }
}

/** Reads the answer to `GET /stream` into lines for `verifyLive`; `lastEventId` is what was sent as `Last-Event-ID`. */
export function readStream(source: Response | ReadableStream<Uint8Array>, lastEventId = ""): EventStream {
  return new EventStream(readableBody(source, "text/event-stream"), lastEventId);
}

interface Event {
  data: string;
  /** The last ID so far. */
  id: string;
}

/** Parses server-sent events, as the HTML standard has them. */
class Parser {
  /** The begin of a line whose end is not here yet. */
  #rest = "";
  /** Whether what came before ended in CR: an LF belongs to it. */
  #afterCr = false;
  #data: string | undefined;
  #type = "";
  #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  /** The events that end in this text, which follows on what was read before. */
  read(text: string): Event[] {
    const more = this.#afterCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCr = text === "" ? this.#afterCr : text.endsWith("\r");
    const [first = "", ...others] = more.split(/\r\n|\r|\n/);
    const lines = [this.#rest + first, ...others];
    if (lines.some(({ length }) => length > LONGEST)) {
      throw broken("it has a line longer than an export can have");
    }
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  /** Gives the event that an empty line ends. */
  #line(line: string): Event[] {
    if (line === "") {
      // Events of another type are none of the view's.
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
        if (this.#data.length > LONGEST) {
          throw broken("it has an event longer than a line of an export");
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

function broken(why: string, cause?: unknown): CountersignError {
  return new CountersignError("source.unreadable", `this is not the stream of a log: ${why}`, {
    hint: "check the address: it is that of the log server's /stream",
    cause,
  });
}
