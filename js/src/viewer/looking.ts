/** Asks a session's shelf, and follows the answer while it grows. */

import type { Found, Order, Query } from "../shelf/types.js";
import { type Failure, failure } from "./failure.js";
import type { Session } from "./session.js";

/** What is looked for in a session, and what was found. */
export class Looking {
  readonly session: Session;
  /** The newest answer. */
  found: Found | undefined;
  failure: Failure | undefined;
  #changed: () => void;
  #isClosed = false;

  /** `changed` is told of every answer. */
  constructor(session: Session, changed: () => void) {
    this.session = session;
    this.#changed = changed;
  }

  /** Whether the answer is not there yet, or goes on. */
  get isBusy(): boolean {
    return this.found === undefined || !this.found.complete;
  }

  /** Asks. Resolves once there is a whole answer, or a newer question. */
  async ask(query: Query, order: Order): Promise<void> {
    this.failure = undefined;
    const take = (found: Found) => {
      if (!this.#isClosed) {
        this.found = found;
        this.#changed();
      }
    };
    try {
      take(await this.session.shelf.ask(query, order, take));
    } catch (error) {
      if (!this.#isClosed && !(error instanceof DOMException && error.name === "AbortError")) {
        this.failure = failure(error);
        this.#changed();
      }
    }
  }

  /** Hears of nothing more. The session stays. */
  close(): void {
    this.#isClosed = true;
  }
}
