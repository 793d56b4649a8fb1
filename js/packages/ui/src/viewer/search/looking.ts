/** Asks a session's index, and follows the answer while it grows. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Found, Order, Refusal } from "../../index/types.js";
import type { Session } from "../session/session.js";
import { type Criteria, queryOf } from "./criteria.js";

/** A part of a search that the index refused, and the text that the refusal's place is in. */
export interface Misread {
  readonly text: string;
  readonly refusal: Refusal;
}

/** What is looked for in a session, and what was found. */
export class Looking {
  readonly session: Session;
  /** The newest answer. */
  found: Found | undefined;
  failure: PlainError | undefined;
  /** What of the newest question was not understood: the answer is then to the one before. */
  misread: Misread | undefined;
  /** Changes with every question. */
  turn = 0;
  /** The question that `found` answers. */
  #answered = 0;
  #changed: () => void;
  #isClosed = false;

  /** `changed` is told of every answer. */
  constructor(session: Session, changed: () => void) {
    this.session = session;
    this.#changed = changed;
  }

  /** Whether the answer is not there yet, or goes on. */
  get isBusy(): boolean {
    return this.misread === undefined && (!this.isAnswered || this.found?.complete !== true);
  }

  /** True if `found` answers the newest question. */
  get isAnswered(): boolean {
    return this.#answered === this.turn;
  }

  /** Asks. Resolves once there is a whole answer, or a newer question. */
  async ask(criteria: Criteria, order: Order): Promise<void> {
    this.failure = undefined;
    this.misread = undefined;
    this.turn += 1;
    const { turn } = this;
    const query = queryOf(criteria);
    const take = (found: Found) => {
      // The last is told of twice.
      if (!this.#isClosed && found !== this.found) {
        this.found = found;
        this.#answered = turn;
        this.#changed();
      }
    };
    try {
      // What is no condition by itself, such as `a) OR (b`, could be one among others, and find more than the filters let.
      const misread = await this.#misreadOf(criteria);
      if (turn !== this.turn) {
        return;
      }
      const answer = misread?.refusal ?? (await this.session.index.ask(query, order, take));
      if (!("code" in answer)) {
        take(answer);
      } else if (!this.#isClosed && turn === this.turn) {
        this.misread = misread ?? { text: query, refusal: answer };
        this.#changed();
      }
    } catch (error) {
      if (turn === this.turn) {
        this.fail(error);
      }
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

  /** The first part that isn't a query by itself. Without filters the index says so when it is asked. */
  async #misreadOf({ text, filters }: Criteria): Promise<Misread | undefined> {
    for (const part of filters.length === 0 ? [] : [...filters, text]) {
      const refusal = await this.session.index.check(part);
      if (refusal !== undefined) {
        return { text: part, refusal };
      }
    }
    return undefined;
  }
}
