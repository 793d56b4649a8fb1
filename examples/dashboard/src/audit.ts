/** Records what is clicked, and follows each event until the log has proven to hold it. */

import { type AuditEvent, type CountersignError, createRecorder, type Recorder, type Status } from "countersign";
import { grantedKey, indexedDbOutbox } from "countersign/browser";
import type { Session } from "./session.ts";

/** An event that was recorded in this page. */
export interface Click {
  readonly event: AuditEvent;
  readonly at: Date;
  /** Where the log has it, once it is proven. */
  place?: { chain: string; seq: number; index: number | null };
  /** Why it never will be there. */
  error?: CountersignError;
}

/** The page's recorder, and what became of the clicks. */
export class Audit {
  readonly clicks: Click[] = [];
  /** Told when something changed. */
  onChange = (): void => {};
  #isCut = false;
  #recorder: Recorder | undefined;

  /** Throws where this page cannot record. */
  async start({ collector, trust, issuer }: Session): Promise<void> {
    // Made in this browser, which never gives its secret away. The server says that it may sign, for a while.
    const granted = await grantedKey({ from: "/api/grant", issuer });
    this.#recorder = await createRecorder({
      key: granted.key,
      to: { url: collector, fetch: (url, init) => this.#send(url, init) },
      log: trust,
      outbox: indexedDbOutbox(),
      onError: () => this.onChange(),
    });
    // Asks for the next grant in time.
    granted.follow(this.#recorder);
  }

  record(event: AuditEvent): void {
    const click: Click = { event, at: new Date() };
    this.clicks.push(click);
    void this.#follow(click);
    this.onChange();
  }

  async #follow(click: Click): Promise<void> {
    try {
      const receipt = await this.#recorder?.record(click.event).delivered();
      if (receipt !== undefined) {
        const { chain, seq, index } = receipt;
        click.place = { chain, seq, index };
      }
    } catch (error) {
      click.error = error as CountersignError;
    }
    this.onChange();
  }

  /** How things stand; nothing before the start. */
  get status(): Status | undefined {
    return this.#recorder?.status();
  }

  /** For showing what becomes of events without a connection. */
  get isCut(): boolean {
    return this.#isCut;
  }

  cut(isCut: boolean): void {
    this.#isCut = isCut;
    this.onChange();
    if (!isCut) {
      void this.retry();
    }
  }

  /** Sends what waits at once, instead of when the recorder would by itself. */
  async retry(): Promise<void> {
    // What fails is in the status.
    await this.#recorder?.flush().catch(() => {});
    this.onChange();
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    this.onChange();
    if (this.#isCut) {
      throw new TypeError("the connection is cut");
    }
    return fetch(url, init);
  }
}
