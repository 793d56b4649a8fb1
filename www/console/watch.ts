/** The live view: follows the log, verifies what comes, and holds it to what was seen before. */

import { namesIssuers, withEarlierEntries } from "@countersign/ui/viewer/session/earlier-entries.js";
import { type Link, LiveConnection } from "@countersign/ui/viewer/session/live-connection.js";
import { Session, type Tools } from "@countersign/ui/viewer/session/session.js";
import { type Alarm, alarmOf } from "@countersign/ui/viewer/verdict/alarm.js";
import type { Seen } from "../src/state/memory.ts";
import type { Log, Refusal } from "./log.ts";
import { counting, type Withheld } from "./withheld.ts";

/** What it is held to, and where it begins. */
export interface Given {
  readonly trust: string | undefined;
  /** What the trust file is called. */
  readonly trustName: string | undefined;
  /** The checkpoint at which this device saw the log last. */
  readonly seen: Seen | undefined;
  /** Where what happened lately is to be cut, to be held against that. */
  readonly boundary: number | undefined;
  /** Whether the log says that it has no leaves. */
  readonly isEmpty: boolean;
}

/** A log that is followed for long is held to its newest pins. */
const MOST_PINS = 8;

/** What happened lately is shown before what happens now: the newest so many events. */
const BEFORE = "export?limit=200";
/** A log without leaves has nothing to show before; what it gets until the stream is open counts too. */
const FROM_NOTHING = "stream?from=0";

/** One live view, from its begin until it is stopped. Tells of `change` and `report`. */
export class Watch extends EventTarget {
  link: Link = { state: "connecting" };
  /** What the log said last, where it gave nothing to verify. */
  refusal: Refusal | undefined;
  /** What is wrong with the log's history. It stays. */
  alarm: Alarm | undefined;
  readonly given: Given;
  readonly began = new Date();
  readonly #log: Log;
  readonly #tools: Tools;
  readonly #running = new AbortController();
  #session: Session;
  #withheld: Withheld;
  #isClosed = false;

  constructor(log: Log, tools: Tools, given: Given) {
    super();
    this.#log = log;
    this.#tools = tools;
    this.given = given;
    const { seen, boundary, isEmpty } = given;
    const before = boundary === undefined ? BEFORE : `${BEFORE}&boundary=${boundary}`;
    const address = isEmpty ? FROM_NOTHING : before;
    const pins = seen === undefined ? [] : [seen.pin];
    [this.#session, this.#withheld] = this.#begin(address, null, pins);
  }

  get session(): Session {
    return this.#session;
  }

  get withheld(): Withheld {
    return this.#withheld;
  }

  get isStopped(): boolean {
    return this.#running.signal.aborted || this.#session.isCancelled;
  }

  /** Whether it goes on. */
  get isFollowing(): boolean {
    return !this.isStopped && this.#session.phase === "live";
  }

  /** Follows no further. What had come stays. */
  stop(): void {
    this.#session.cancel();
    this.#running.abort(new DOMException("the live view was stopped", "AbortError"));
    this.#tell();
  }

  /** Ends it with all it keeps. */
  close(): void {
    this.#isClosed = true;
    this.stop();
    this.#session.close();
  }

  readonly #ask = async (address: string, init: RequestInit): Promise<Response> => {
    const response = await this.#log.ask(address, init);
    // What the log says of it is read here, and the answer itself by who follows.
    this.refusal = await this.#log.refusal(response.ok ? response : response.clone());
    this.#tell();
    // A page in the stream's place is no stream; asked for again, there may be one.
    if (this.refusal?.why === "page") throw new TypeError("a web page came in place of a stream");
    return response;
  };

  /** A session for as long as the log goes on from what it showed, and then another that is held to the last pin. */
  #begin(address: string, from: string | null, pins: readonly string[]): [Session, Withheld] {
    const following = new LiveConnection(address, this.#ask, this.#running.signal);
    following.onLink = (link) => {
      this.link = link;
      this.#tell();
    };
    const { tools, withheld } = counting(this.#tools);
    const { trust, trustName } = this.given;
    const given = { trust, trustName, pins, name: "stream", rules: tools.rules };
    const lines = following.lines(from);
    const live = namesIssuers(given.trust)
      ? withEarlierEntries(lines, (address) => this.#log.public(address))
      : lines;
    const session = new Session({ live }, given, tools);
    session.addEventListener("change", () => this.#tell());
    session.addEventListener("report", () => this.#reported(session));
    following.onRestart = () => {
      void session.ended.then(() => {
        if (this.isStopped) return;
        const last = session.goodPin;
        const held = [...new Set([...pins, ...(last === null ? [] : [last])])].slice(-MOST_PINS);
        [this.#session, this.#withheld] = this.#begin(BEFORE, last ?? held.at(-1) ?? null, held);
        session.close();
        this.#tell();
      });
    };
    return [session, withheld];
  }

  #reported(session: Session): void {
    this.alarm ??= alarmOf(session);
    if (!this.#isClosed) this.dispatchEvent(new Event("report"));
  }

  #tell(): void {
    if (!this.#isClosed) this.dispatchEvent(new Event("change"));
  }
}
