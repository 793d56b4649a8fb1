/** Looks for what rules describe among a session's events, from the first to the last. It draws nothing. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Judged } from "@countersign/shared/report.js";
import type { Analysis, FindingsStatus, SelectedFindings } from "../../analyze/types.js";
import type { EventIndex } from "../../index/types.js";
import { factsOf } from "../session/facts.js";

/** The shortest time between two tellings before the end, in milliseconds. */
const TELL_EVERY = 1000;
/** How long, in milliseconds, it waits for more events before it asks for them again. */
const LOOK_EVERY = 200;

/** What it needs of a session. */
export interface Watched extends EventTarget {
  readonly index: Pick<EventIndex, "lines">;
  readonly phase: "verifying" | "live" | "done" | "canceled" | "failed";
  readonly isRunning: boolean;
  readonly ended: Promise<void>;
  readonly verification: Judged | undefined;
  readonly name: string | undefined;
  readonly trust: string | undefined;
  readonly bytes: Blob | undefined;
}

/** The events of a search. */
export interface SelectedEvents {
  readonly query: string;
  /** Their entries, ascending. */
  readonly entries: Float64Array;
}

/** The findings that concern the events of a search. */
export interface FindingsOfSearch extends SelectedFindings {
  readonly query: string;
  /** The number of events that the search selects. */
  readonly events: number;
}

/** Looks among the events that a session's index keeps, while they come. It tells of `change`. */
export class Detection extends EventTarget {
  readonly session: Watched;
  /** What was found by now. */
  told: FindingsStatus | undefined;
  /** Those that concern the events of the search; undefined if all events are shown. */
  ofSearch: FindingsOfSearch | undefined;
  /** Whether all there is was looked at and there is a report of all of it. */
  isFinal = false;
  /** Why nothing more is looked for. */
  failure: PlainError | undefined;
  readonly #rules: () => Promise<string>;
  readonly #begin: (rules: string) => Analysis;
  #analysis: Analysis | undefined;
  #isClosed = false;
  #events: SelectedEvents | undefined;

  constructor(session: Watched, rules: () => Promise<string>, begin: (rules: string) => Analysis) {
    super();
    this.session = session;
    this.#rules = rules;
    this.#begin = begin;
    void session.ended.then(() => this.dispatchEvent(new Event("over")));
    this.#follow().catch((error: unknown) => {
      if (!this.#isClosed) {
        this.failure = plainError(error);
        this.dispatchEvent(new Event("change"));
      }
    });
  }

  /** What answers about single findings, once something was told. */
  get answers(): Pick<Analysis, "list" | "of" | "entries" | "document"> | undefined {
    return this.#analysis;
  }

  /** Selects the events of a search, whose findings are then told apart; without any all are selected. */
  async select(events: SelectedEvents | undefined): Promise<void> {
    if (events === undefined && this.#events === undefined) {
      return;
    }
    this.#events = events;
    // Before there is anything, what is told first has them too.
    const selected = await this.#analysis?.select(events?.entries);
    if (events === this.#events && this.told !== undefined) {
      this.#take(events, selected);
      this.dispatchEvent(new Event("change"));
    }
  }

  #take(events: SelectedEvents | undefined, selected: SelectedFindings | undefined): void {
    const { query = "", entries } = events ?? {};
    this.ofSearch = entries && selected && { ...selected, query, events: entries.length };
  }

  /** Ends it. The session stays. */
  close(): void {
    this.#isClosed = true;
    this.#analysis?.close();
    this.dispatchEvent(new Event("over"));
  }

  async #follow(): Promise<void> {
    const rules = await this.#rules();
    if (this.#isClosed) {
      return;
    }
    const analysis = this.#begin(rules);
    this.#analysis = analysis;
    if (this.#events !== undefined) {
      void this.select(this.#events).catch(() => {});
    }
    const { session } = this;
    let heard: Judged | undefined;
    let telling: Promise<void> | undefined;
    let next = Number.NEGATIVE_INFINITY;
    const tell = async (isAll: boolean) => {
      heard = session.verification;
      const events = this.#events;
      const told = await analysis.tell(heard && factsOf(heard));
      this.told = told;
      if (events === this.#events) {
        this.#take(events, told.selected);
      }
      this.isFinal = isAll;
      next = performance.now() + TELL_EVERY;
      telling = undefined;
      this.dispatchEvent(new Event("change"));
    };
    // Up to which segment was told of last.
    let known = -1;
    for (let segment = 0; !this.#isClosed; ) {
      const isOver = !session.isRunning;
      if (isOver && session.phase !== "done") {
        return;
      }
      const lines = await session.index.lines(segment);
      if (lines !== undefined) {
        await analysis.add(lines);
        segment += 1;
      } else if (isOver) {
        await telling;
        return tell(true);
      }
      if (telling === undefined && performance.now() >= next && (segment > known || session.verification !== heard)) {
        known = segment;
        telling = tell(false);
        // Whoever waits for it hears of a failure, or who adds more.
        telling.catch(() => {});
      }
      if (lines === undefined && session.isRunning && !this.#isClosed) {
        await this.#more();
      }
    }
  }

  /** Resolves when there may be more, or nothing comes any more. */
  #more(): Promise<void> {
    const { session } = this;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        session.removeEventListener("change", done);
        this.removeEventListener("over", done);
        resolve();
      };
      const timer = setTimeout(() => session.addEventListener("change", done), LOOK_EVERY);
      this.addEventListener("over", done);
    });
  }
}
