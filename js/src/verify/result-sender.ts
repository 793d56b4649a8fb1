/** A worker's way to hand the host what became known, no more at a time than the host can deal with. */

import type { Finding } from "../report.js";
import { moved, SHOWN_UNDER_WAY, type Shown } from "./messages.js";
import type { HostPort } from "./port.js";

/** Either of the core's classes that verify. */
interface Results {
  takeEvents(): Uint8Array;
  takeMarks(): Uint8Array;
  takeFindings(): unknown;
}

/** Posts what became known. */
export class ResultSender {
  #host: HostPort;
  #results: Results;
  #underWay = 0;
  #hasMore = false;

  constructor(host: HostPort, results: Results) {
    this.#host = host;
    this.#results = results;
  }

  /** Whether more may be shown: otherwise nothing is to be verified either. */
  get hasRoom(): boolean {
    return this.#underWay < SHOWN_UNDER_WAY;
  }

  /** Whether all was shown that is known. */
  get isDone(): boolean {
    return !this.#hasMore;
  }

  /** Shows what became known, as far as there is room. */
  show(): void {
    const findings = this.#results.takeFindings() as Finding[] | undefined;
    if (findings !== undefined) {
      this.#host.postMessage({ type: "findings", findings }, []);
    }
    this.#post("events", this.#results.takeEvents());
    this.#hasMore = true;
    while (this.#hasMore && this.hasRoom) {
      this.#hasMore = this.#post("marks", this.#results.takeMarks());
    }
  }

  /** The host dealt with so many bytes. */
  shown(bytes: number): void {
    this.#underWay -= bytes;
    if (this.#hasMore) {
      this.show();
    }
  }

  #post(type: Shown, bytes: Uint8Array): boolean {
    if (bytes.length === 0) {
      return false;
    }
    this.#underWay += bytes.length;
    this.#host.postMessage({ type, bytes }, moved(bytes));
    return true;
  }
}
