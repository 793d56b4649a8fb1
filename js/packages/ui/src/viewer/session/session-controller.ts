/** The session that a viewer shows, with its connection and alarm. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Ranges } from "../parts/ranges.js";
import { type Alarm, alarmOf } from "../verdict/alarm.js";
import type { Link } from "./live-connection.js";
import { isLive, type Session, type Tools } from "./session.js";
import { openSession, type ViewerSources } from "./sources.js";

/** Callbacks of a session controller. */
export interface SessionListener {
  /** The session was replaced or removed. */
  readonly replaced: (session: Session | undefined) => void;
  /** The state changed. */
  readonly changed: () => void;
  /** The session has a first or newer report. */
  readonly reported: (session: Session) => void;
  /** Called once, at the first alarm. */
  readonly alarmed: (alarm: Alarm) => void;
  /** The session could not be opened, or has failed. */
  readonly failed: (failure: PlainError) => void;
}

/** Shows one session at a time: the viewer's own, which is closed with it, or one of the page. */
export class SessionController {
  readonly #listener: SessionListener;
  /** Aborts the opening or running session. */
  #running = new AbortController();
  /** Receives pieces that the page feeds. */
  #fed: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  session: Session | undefined;
  #isOwn = false;
  /** True while a session is opened. */
  isLoading = false;
  /** Reason why there is no session. */
  failure: PlainError | undefined;
  alarm: Alarm | undefined;
  /** State of the connection to a live log. */
  link: Link | undefined;
  /** Entries with a row. */
  listed: Ranges = new Float64Array();

  constructor(listener: SessionListener) {
    this.#listener = listener;
  }

  /** True if the export is fed by the page. */
  get isFed(): boolean {
    return this.#fed !== undefined;
  }

  /** True if the session can be restarted. */
  get isRepeatable(): boolean {
    return !this.isFed && (this.#isOwn || this.failure !== undefined);
  }

  /** Shows a session that the page created. */
  show(session: Session): void {
    this.stop();
    this.#use(session, false);
  }

  /** Opens a session of the given sources, or of pieces that will be fed. */
  open(tools: Tools, sources: ViewerSources, pins: readonly string[], isFed: boolean): void {
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
    openSession({ tools, sources, pins, fed, signal, onLink, onNext: use }).then(use, (error: unknown) => {
      if (!signal.aborted) {
        this.isLoading = false;
        this.failure = plainError(error);
        this.#listener.changed();
        this.#listener.failed(this.failure);
      }
    });
    this.#listener.changed();
  }

  async feed(chunk: Uint8Array | string): Promise<void> {
    // Copied, because the caller may reuse its buffer.
    const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : new Uint8Array(chunk);
    await this.#fed?.write(bytes);
  }

  async end(): Promise<void> {
    await this.#fed?.close();
  }

  /** Removes the session. */
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
    this.#listener.replaced(undefined);
  }

  #use(session: Session, isOwn: boolean): void {
    this.#leave();
    this.isLoading = false;
    this.session = session;
    this.#isOwn = isOwn;
    session.addEventListener("change", this.#listener.changed);
    session.addEventListener("report", this.#reported);
    this.#listener.replaced(session);
    if (session.report !== undefined) {
      this.#reported();
    }
    void session.ended.then(() => {
      if (session === this.session && session.failure !== undefined) {
        this.#listener.failed(session.failure);
      }
      return this.#list(session);
    });
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

  /** Updates which entries have a row. */
  async #list(session: Session): Promise<void> {
    const coverage = await session.index.coverage().catch(() => undefined);
    if (coverage !== undefined && session === this.session) {
      this.listed = coverage.listed;
      this.#listener.changed();
    }
  }
}
