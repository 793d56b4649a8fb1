/** Where a viewer's export comes from, and the sessions that are made of it. */

import { readAtMost } from "../bytes.js";
import { CountersignError, type ErrorCode } from "../error.js";
import { CapturedStream } from "./captured-stream.js";
import { bodyWithEarlierEntries, namesIssuers, withEarlierEntries } from "./earlier-entries.js";
import { Following, type Link } from "./following.js";
import { Session, type Tools } from "./session.js";

/** What a viewer was given. */
export interface Given {
  readonly src: string | null;
  /** The address of a trust file. */
  readonly trust: string | null;
  readonly live: boolean;
  readonly file: Blob | undefined;
  /** Whether pieces are fed to it. */
  readonly isFed: boolean;
  readonly trustText: string | undefined;
  readonly pins: readonly string[];
  /** The address of a pack of rules; empty for the one that comes with the package, null for none. */
  readonly rules: string | null;
  readonly request: (address: string, init: RequestInit) => Promise<Response>;
}

/** A log that is followed for long is held to its newest pins. */
const MOST_PINS = 8;

/** No trust file is longer. */
const LONGEST_TRUST = 1 << 20;

/** No pack of rules is longer. */
const LONGEST_RULES = 16 << 20;

/** One export, opened once. */
export class Sources {
  onSession: (session: Session) => void = () => {};
  onFailure: (error: unknown) => void = () => {};
  /** Told whenever the connection to a live log changes. */
  onLink: (link: Link) => void = () => {};
  readonly isFed: boolean;
  #tools: Tools;
  #given: Given;
  #running = new AbortController();
  #fed:
    | { readonly kept: CapturedStream; readonly writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> }
    | undefined;

  constructor(tools: Tools, given: Given) {
    this.#tools = tools;
    this.#given = given;
    this.isFed = given.isFed;
    if (given.isFed) {
      const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
      this.#fed = { kept: new CapturedStream(readable), writer: writable.getWriter() };
    }
  }

  /** Begins; what comes of it is told. */
  open(): void {
    this.#open().then(
      (session) => {
        if (this.#running.signal.aborted) {
          session.close();
        } else {
          this.onSession(session);
        }
      },
      (error: unknown) => {
        if (!this.#running.signal.aborted) {
          this.onFailure(error);
        }
      },
    );
  }

  async feed(chunk: Uint8Array | string): Promise<void> {
    // A copy: the caller may use its buffer again.
    const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : new Uint8Array(chunk);
    await this.#fed?.writer.write(bytes);
  }

  async end(): Promise<void> {
    await this.#fed?.writer.close();
  }

  /** Stops whatever is on its way. */
  stop(): void {
    this.#running.abort();
    this.#fed?.writer.abort().catch(() => {});
  }

  async #open(): Promise<Session> {
    const { file, pins, src } = this.#given;
    const given = { trust: await this.#trust(), pins, rules: this.#rules };
    const { trust } = given;
    if (this.#fed !== undefined) {
      const { kept } = this.#fed;
      return new Session(kept.stream, { ...given, kept: () => kept.blob }, this.#tools);
    }
    if (file !== undefined) {
      return new Session(file, { ...given, name: nameOf(file) }, this.#tools);
    }
    const address = src ?? "";
    if (this.#given.live) {
      return this.#follow(address, trust);
    }
    const response = await this.#request(address);
    if (!response.ok || response.body === null) {
      return new Session(response, { ...given, name: address }, this.#tools);
    }
    const body = namesIssuers(trust) ? bodyWithEarlierEntries(response.body, this.#beside(address)) : response.body;
    const kept = new CapturedStream(body);
    const read = new Response(kept.stream, { headers: response.headers });
    return new Session(read, { ...given, name: address, kept: () => kept.blob }, this.#tools);
  }

  /** A session for as long as the log goes on from what it showed, and then another that is held to the last pin. */
  #follow(address: string, trust: string | undefined): Session {
    const following = new Following(address, this.#given.request, this.#running.signal);
    following.onLink = (link) => this.onLink(link);
    const begin = (before: Session | undefined): Session => {
      const pin = before?.goodPin ?? null;
      const pins = [...(before?.pins ?? this.#given.pins), ...(pin === null ? [] : [pin])].slice(-MOST_PINS);
      const lines = following.lines(pin ?? pins.at(-1) ?? null);
      const session = new Session(
        { live: namesIssuers(trust) ? withEarlierEntries(lines, this.#beside(address)) : lines },
        { trust, pins: [...new Set(pins)], name: address, rules: this.#rules },
        this.#tools,
      );
      following.onAnew = () => {
        void session.ended.then(() => {
          if (!this.#running.signal.aborted) {
            this.onSession(begin(session));
          }
        });
      };
      return session;
    };
    return begin(undefined);
  }

  /** How what anyone may read of a log is asked for: its addresses are beside that of the export. */
  #beside(address: string): (path: string) => Promise<Response> {
    const base = new URL(address, document.baseURI);
    return (path) => this.#request(new URL(path, base).href);
  }

  async #trust(): Promise<string | undefined> {
    const { trust, trustText } = this.#given;
    if (trustText !== undefined || trust === null || trust === "") {
      return trustText;
    }
    return this.#text(trust, LONGEST_TRUST, "trust.invalid", "the trust file", "trust");
  }

  /** Reads rules when they are wanted; undefined for none. */
  get #rules(): (() => Promise<string>) | undefined {
    const { rules } = this.#given;
    if (rules === null || rules === "") {
      return rules === null ? undefined : this.#tools.rules;
    }
    return () => this.#text(rules, LONGEST_RULES, "pack.invalid", "the rules", "rules");
  }

  /** A text that an attribute leads to. */
  async #text(address: string, most: number, code: ErrorCode, what: string, attribute: string): Promise<string> {
    const response = await this.#request(address);
    const body = response.ok ? await readAtMost(response.body, most) : undefined;
    if (body === undefined) {
      throw new CountersignError(code, `${what} cannot be had: status ${response.status}`, {
        hint: `check the address in the attribute ${attribute}`,
      });
    }
    return new TextDecoder().decode(body);
  }

  async #request(address: string): Promise<Response> {
    try {
      return await this.#given.request(address, { signal: this.#running.signal, referrerPolicy: "no-referrer" });
    } catch (cause) {
      throw new CountersignError("source.unreadable", "the address cannot be reached", {
        hint: "check the address, the connection, and whether the server and the page's Content-Security-Policy allow it",
        cause,
      });
    }
  }
}

function nameOf(file: Blob): string | undefined {
  return "name" in file && typeof file.name === "string" ? file.name : undefined;
}
