/** The live view: follows the log, verifies what arrives, and compares it with what this device remembers. */

import { namesIssuers, withEarlierEntries } from "@countersign/ui/viewer/session/earlier-entries.js";
import { type Link, LiveConnection } from "@countersign/ui/viewer/session/live-connection.js";
import { Session, type Tools } from "@countersign/ui/viewer/session/session.js";
import { type Alarm, alarmOf } from "@countersign/ui/viewer/verdict/alarm.js";
import type { RememberedLog } from "../src/state/memory.ts";
import type { Log, RequestFailure } from "./log.ts";
import { counting, type Withheld } from "./withheld.ts";

/** Options of a live view. */
export interface WatchOptions {
  readonly trust: string | undefined;
  /** Name of the trust file. */
  readonly trustName: string | undefined;
  /** State of the log that this device remembers. */
  readonly seen: RememberedLog | undefined;
  /** Size at which the recent events are cut, to be compared with that. */
  readonly boundary: number | undefined;
  /** True if the log states that it has no entries. */
  readonly isEmpty: boolean;
}

/** Maximum number of pins for a log that is followed for long; the newest are kept. */
const MAX_PINS = 8;

/** Address of the recent events that are shown first. */
const RECENT_EVENTS = "export?limit=200";
/**
 * Address for an empty log, which has no recent events. Events that arrive before the stream opens count too.
 */
const EMPTY_LOG_STREAM = "stream?from=0";

/** A live view, from its start until it is stopped. Dispatches `change` and `report`. */
export class Watch extends EventTarget {
  link: Link = { state: "connecting" };
  /** Reason for the last failed request. */
  refusal: RequestFailure | undefined;
  /** Alarm about the log's history. It stays. */
  alarm: Alarm | undefined;
  readonly options: WatchOptions;
  readonly began = new Date();
  readonly #log: Log;
  readonly #tools: Tools;
  readonly #running = new AbortController();
  #session: Session;
  #withheld: Withheld;
  #isClosed = false;

  constructor(log: Log, tools: Tools, options: WatchOptions) {
    super();
    this.#log = log;
    this.#tools = tools;
    this.options = options;
    const { seen, boundary, isEmpty } = options;
    const before = boundary === undefined ? RECENT_EVENTS : `${RECENT_EVENTS}&boundary=${boundary}`;
    const address = isEmpty ? EMPTY_LOG_STREAM : before;
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
    return this.#running.signal.aborted || this.#session.isCanceled;
  }

  /** True while it follows the log. */
  get isFollowing(): boolean {
    return !this.isStopped && this.#session.phase === "live";
  }

  /** Stops the connection. What has arrived stays. */
  stop(): void {
    this.#session.cancel();
    this.#running.abort(new DOMException("the live view was stopped", "AbortError"));
    this.#notify();
  }

  /** Closes the live view and frees everything it keeps. */
  close(): void {
    this.#isClosed = true;
    this.stop();
    this.#session.close();
  }

  readonly #ask = async (address: string, init: RequestInit): Promise<Response> => {
    const response = await this.#log.ask(address, init);
    // The failure is read from a clone, because the caller reads the response itself.
    this.refusal = await this.#log.refusal(response.ok ? response : response.clone());
    this.#notify();
    // A web page instead of a stream may be temporary, so the request is retried.
    if (this.refusal?.why === "page")
      throw new TypeError("the address answered with a web page instead of a stream");
    return response;
  };

  /**
   * Creates a session for as long as the log continues from what it showed, then another one that is compared
   * with the last pin.
   */
  #begin(address: string, from: string | null, pins: readonly string[]): [Session, Withheld] {
    const connection = new LiveConnection(address, this.#ask, this.#running.signal);
    connection.onLink = (link) => {
      this.link = link;
      this.#notify();
    };
    const { tools, withheld } = counting(this.#tools);
    const { trust, trustName } = this.options;
    const options = { trust, trustName, pins, name: "stream", rules: tools.rules };
    const lines = connection.lines(from);
    const live = namesIssuers(options.trust)
      ? withEarlierEntries(lines, (address) => this.#log.public(address))
      : lines;
    const session = new Session({ live }, options, tools);
    session.addEventListener("change", () => this.#notify());
    session.addEventListener("report", () => this.#reported(session));
    connection.onRestart = () => {
      void session.ended.then(() => {
        if (this.isStopped) return;
        const last = session.goodPin;
        const allPins = [...new Set([...pins, ...(last === null ? [] : [last])])].slice(-MAX_PINS);
        [this.#session, this.#withheld] = this.#begin(RECENT_EVENTS, last ?? allPins.at(-1) ?? null, allPins);
        session.close();
        this.#notify();
      });
    };
    return [session, withheld];
  }

  #reported(session: Session): void {
    this.alarm ??= alarmOf(session);
    if (!this.#isClosed) this.dispatchEvent(new Event("report"));
  }

  #notify(): void {
    if (!this.#isClosed) this.dispatchEvent(new Event("change"));
  }
}
