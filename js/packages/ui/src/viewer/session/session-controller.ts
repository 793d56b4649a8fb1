/** Which verification is shown, and what is known of it beside its own. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Ranges } from "../parts/ranges.js";
import { type Alarm, alarmOf } from "../verdict/alarm.js";
import type { Link } from "./following.js";
import { isLive, type Session, type Tools } from "./session.js";
import { type Given, openSession } from "./sources.js";

/** What is heard of it. */
export interface SessionListener {
  /** There is another session, or none any more. */
  readonly other: (session: Session | undefined) => void;
  /** Something about it changed. */
  readonly changed: () => void;
  /** There is a report, or a newer one. */
  readonly reported: (session: Session) => void;
  /** The first alarm. */
  readonly alarmed: (alarm: Alarm) => void;
}

/** One session at a time: a viewer's own, which ends with it, or somebody else's. */
export class SessionController {
  readonly #listener: SessionListener;
  /** Ends what is being opened, or was. */
  #running = new AbortController();
  /** Takes pieces that somebody feeds. */
  #fed: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  session: Session | undefined;
  #isOwn = false;
  /** Whether there will be a session. */
  isLoading = false;
  /** Why there is none. */
  failure: PlainError | undefined;
  alarm: Alarm | undefined;
  /** How the connection to a live log is. */
  link: Link | undefined;
  /** Leaves with a row. */
  listed: Ranges = new Float64Array();

  constructor(listener: SessionListener) {
    this.#listener = listener;
  }

  /** Whether it is made of pieces that somebody feeds. */
  get isFed(): boolean {
    return this.#fed !== undefined;
  }

  /** Whether it can be begun again. */
  get isRepeatable(): boolean {
    return !this.isFed && (this.#isOwn || this.failure !== undefined);
  }

  /** Shows a session that somebody else made. */
  show(session: Session): void {
    this.stop();
    this.#use(session, false);
  }

  /** Opens what is given, or what is going to be fed. */
  open(tools: Tools, given: Given, pins: readonly string[], isFed: boolean): void {
    this.stop();
    const { signal } = this.#running;
    let fed: ReadableStream<Uint8Array> | undefined;
    if (isFed) {
      const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
      fed = readable;
      this.#fed = writable.getWriter();
    }
    this.isLoading = true;
    const use = (session: Session) => (signal.aborted ? session.close() : this.#use(session, true));
    const onLink = (link: Link) => {
      this.link = link;
      this.#listener.changed();
    };
    openSession({ tools, given, pins, fed, signal, onLink, onNext: use }).then(use, (error: unknown) => {
      if (!signal.aborted) {
        this.isLoading = false;
        this.failure = plainError(error);
        this.#listener.changed();
      }
    });
    this.#listener.changed();
  }

  async feed(chunk: Uint8Array | string): Promise<void> {
    // A copy: the caller may use its buffer again.
    const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : new Uint8Array(chunk);
    await this.#fed?.write(bytes);
  }

  async end(): Promise<void> {
    await this.#fed?.close();
  }

  /** Shows nothing any more. */
  stop(): void {
    this.#running.abort();
    this.#running = new AbortController();
    this.#fed?.abort().catch(() => {});
    this.#fed = undefined;
    this.isLoading = false;
    this.failure = undefined;
    this.alarm = undefined;
    this.link = undefined;
    this.#leave();
    this.#listener.other(undefined);
  }

  #use(session: Session, isOwn: boolean): void {
    this.#leave();
    this.isLoading = false;
    this.session = session;
    this.#isOwn = isOwn;
    session.addEventListener("change", this.#listener.changed);
    session.addEventListener("report", this.#reported);
    this.#listener.other(session);
    if (session.report !== undefined) {
      this.#reported();
    }
  }

  #leave(): void {
    const session = this.session;
    this.session = undefined;
    this.listed = new Float64Array();
    session?.removeEventListener("change", this.#listener.changed);
    session?.removeEventListener("report", this.#reported);
    if (this.#isOwn) {
      session?.close();
    }
    this.#isOwn = false;
  }

  readonly #reported = (): void => {
    const session = this.session;
    if (session?.report === undefined) {
      return;
    }
    const alarm = isLive(session.source) ? alarmOf(session) : undefined;
    if (alarm !== undefined && this.alarm === undefined) {
      this.alarm = alarm;
      this.#listener.alarmed(alarm);
    }
    this.#listener.reported(session);
    void this.#list(session);
  };

  /** Asks which leaves have a row. */
  async #list(session: Session): Promise<void> {
    const coverage = await session.index.coverage().catch(() => undefined);
    if (coverage !== undefined && session === this.session) {
      this.listed = coverage.listed;
      this.#listener.changed();
    }
  }
}
