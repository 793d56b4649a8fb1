/** The search in a session's index, and its result as it grows. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Order, QueryError, SearchResult } from "../../index/types.js";
import type { Session } from "../session/session.js";
import { type Criteria, queryOf } from "./criteria.js";

/** An invalid part of a search: its text and the error in it. */
export interface InvalidPart {
  readonly text: string;
  readonly refusal: QueryError;
}

/** Runs searches in a session's index, and keeps the newest result. */
export class SearchController {
  readonly session: Session;
  /** The newest result. */
  found: SearchResult | undefined;
  /** Time from which relative times in the query of `found` count, in milliseconds since 1970. */
  at: number | undefined;
  failure: PlainError | undefined;
  /** Set if the newest search is invalid; `found` is then the result of the one before. */
  invalidPart: InvalidPart | undefined;
  /** Incremented by every search. */
  turn = 0;
  /** The turn that `found` belongs to. */
  #answered = 0;
  #onChange: () => void;
  #isClosed = false;

  /** `onChange` is called for every result and failure. */
  constructor(session: Session, onChange: () => void) {
    this.session = session;
    this.#onChange = onChange;
  }

  /** True while the result is missing or incomplete. */
  get isBusy(): boolean {
    return this.invalidPart === undefined && (!this.isAnswered || this.found?.complete !== true);
  }

  /** True if `found` is the result of the newest search. */
  get isAnswered(): boolean {
    return this.#answered === this.turn;
  }

  /** Runs a search. Resolves when the result is complete, or a newer search replaced it. */
  async ask(criteria: Criteria, order: Order): Promise<void> {
    this.failure = undefined;
    this.invalidPart = undefined;
    this.turn += 1;
    const { turn } = this;
    const query = queryOf(criteria);
    const at = Date.now();
    const accept = (found: SearchResult) => {
      // The index reports the last result twice.
      if (!this.#isClosed && found !== this.found) {
        this.found = found;
        this.at = at;
        this.#answered = turn;
        this.#onChange();
      }
    };
    try {
      // A part that is invalid by itself, such as `a) OR (b`, could be valid among others and bypass the filters.
      const invalidPart = await this.#findInvalidPart(criteria);
      if (turn !== this.turn) {
        return;
      }
      const answer = invalidPart?.refusal ?? (await this.session.index.ask(query, order, accept, at));
      if (!("code" in answer)) {
        accept(answer);
      } else if (!this.#isClosed && turn === this.turn) {
        this.invalidPart = invalidPart ?? { text: query, refusal: answer };
        this.#onChange();
      }
    } catch (error) {
      if (turn === this.turn) {
        this.fail(error);
      }
    }
  }

  /** Reports that a query can't be answered. */
  fail(error: unknown): void {
    if (!this.#isClosed && !(error instanceof DOMException && error.name === "AbortError")) {
      this.failure = plainError(error);
      this.#onChange();
    }
  }

  /** Ignores all later results. The session stays open. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Returns the first part that isn't a valid query on its own. Without filters, the index reports the error itself.
   */
  async #findInvalidPart({ text, filters }: Criteria): Promise<InvalidPart | undefined> {
    for (const part of filters.length === 0 ? [] : [...filters, text]) {
      const refusal = await this.session.index.check(part);
      if (refusal !== undefined) {
        return { text: part, refusal };
      }
    }
    return undefined;
  }
}
