/** Records clicks, and follows each event until the log has proven that it contains it. */

import { type AuditEvent, createRecorder, type Receipt, type Recorder, type Status } from "countersign";
import { grantedKey, indexedDbOutbox } from "countersign/browser";
import type { Session } from "./session.ts";

/** An event recorded in this page. */
export interface Click {
  /** The proof of the event, once it is delivered. */
  receipt?: Receipt;
}

/** The page's recorder, with the state of each click. */
export class Audit {
  readonly clicks: Click[] = [];
  /** Called when something changed. */
  onChange = (): void => {};
  #isCut = false;
  #recorder: Recorder | undefined;

  /** Throws if this page can't record. */
  async start({ logServer, log, issuer }: Session): Promise<void> {
    // The key is generated in this browser, which never reveals the private key. The server grants it for a limited
    // time.
    const granted = await grantedKey({ from: "/api/grant", issuer });
    this.#recorder = createRecorder({
      key: granted.key,
      to: { url: logServer, fetch: (url, init) => this.#send(url, init) },
      log,
      outbox: indexedDbOutbox(),
      onError: () => this.onChange(),
    });
    // Renews the grant in time.
    granted.follow(this.#recorder);
  }

  record(event: AuditEvent): void {
    const click: Click = {};
    this.clicks.push(click);
    void this.#follow(click, event);
    this.onChange();
  }

  async #follow(click: Click, event: AuditEvent): Promise<void> {
    // Failures are in the recorder's status.
    const receipt = await this.#recorder
      ?.record(event)
      .delivered()
      .catch(() => undefined);
    if (receipt !== undefined) {
      click.receipt = receipt;
    }
    this.onChange();
  }

  /** The recorder's status; undefined before the start. */
  get status(): Status | undefined {
    return this.#recorder?.status();
  }

  /** Simulates a lost connection. */
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

  /** Flushes immediately instead of waiting for the next automatic retry. */
  async retry(): Promise<void> {
    // Failures are in the recorder's status.
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
