/** Records what is clicked, and follows each event until the log has proven to hold it. */

import { type AuditEvent, createRecorder, type Receipt, type Recorder, type Status } from "countersign";
import { grantedKey, indexedDbOutbox } from "countersign/browser";
import type { Session } from "./session.ts";

/** An event that was recorded in this page. */
export interface Click {
  /** Where the log has it, once it is proven. */
  place?: Receipt;
}

/** The page's recorder, and what became of the clicks. */
export class Audit {
  readonly clicks: Click[] = [];
  /** Told when something changed. */
  onChange = (): void => {};
  #isCut = false;
  #recorder: Recorder | undefined;

  /** Throws where this page cannot record. */
  async start({ logServer, log, issuer }: Session): Promise<void> {
    // Made in this browser, which never gives its secret away. The server says that it may sign, for a while.
    const granted = await grantedKey({ from: "/api/grant", issuer });
    this.#recorder = createRecorder({
      key: granted.key,
      to: { url: logServer, fetch: (url, init) => this.#send(url, init) },
      log,
      outbox: indexedDbOutbox(),
      onError: () => this.onChange(),
    });
    // Asks for the next grant in time.
    granted.follow(this.#recorder);
  }

  record(event: AuditEvent): void {
    const click: Click = {};
    this.clicks.push(click);
    void this.#follow(click, event);
    this.onChange();
  }

  async #follow(click: Click, event: AuditEvent): Promise<void> {
    // Why one never comes there is in the status.
    const receipt = await this.#recorder
      ?.record(event)
      .delivered()
      .catch(() => undefined);
    if (receipt !== undefined) {
      click.place = receipt;
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
