/** Asks a session's index, and follows the answer while it grows. */

import { type PlainError, plainError } from "../error.js";
import type { Found, Order, Refusal } from "../index/types.js";
import type { Session } from "./session.js";

/** What is looked for in a session, and what was found. */
export class Looking {
  readonly session: Session;
  /** The newest answer. */
  found: Found | undefined;
  failure: PlainError | undefined;
  /** What of the newest question was not understood: the answer is then to the one before. */
  refusal: Refusal | undefined;
  #changed: () => void;
  #isClosed = false;

  /** `changed` is told of every answer. */
  constructor(session: Session, changed: () => void) {
    this.session = session;
    this.#changed = changed;
  }

  /** Whether the answer is not there yet, or goes on. */
  get isBusy(): boolean {
    return this.refusal === undefined && (this.found === undefined || !this.found.complete);
  }

  /** Asks. Resolves once there is a whole answer, or a newer question. */
  async ask(query: string, order: Order): Promise<void> {
    this.failure = undefined;
    this.refusal = undefined;
    const take = (found: Found) => {
      // The last is told of twice.
      if (!this.#isClosed && found !== this.found) {
        this.found = found;
        this.#changed();
      }
    };
    try {
      const answer = await this.session.index.ask(query, order, take);
      if (!("code" in answer)) {
        take(answer);
      } else if (!this.#isClosed) {
        this.refusal = answer;
        this.#changed();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Something that was asked cannot be answered. */
  fail(error: unknown): void {
    if (!this.#isClosed && !(error instanceof DOMException && error.name === "AbortError")) {
      this.failure = plainError(error);
      this.#changed();
    }
  }

  /** Hears of nothing more. The session stays. */
  close(): void {
    this.#isClosed = true;
  }
}
