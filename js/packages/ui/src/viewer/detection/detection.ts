/** Detection over a session's events, from the first to the last. Renders nothing. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Judged } from "@countersign/shared/report.js";
import type { Analysis, FindingsStatus, SelectedFindings } from "../../analyze/types.js";
import type { EventIndex } from "../../index/types.js";
import { factsOf } from "../session/facts.js";
import type { Phase } from "../session/phase.js";

/** Minimum milliseconds between two updates before the final one. */
const UPDATE_INTERVAL_MS = 1000;
/** Milliseconds to wait for more events before the index is queried again. */
const POLL_INTERVAL_MS = 200;

/** The parts of a session that detection depends on. */
export interface DetectionSource extends EventTarget {
  readonly index: Pick<EventIndex, "lines" | "lineOf" | "rowOf" | "rows">;
  readonly phase: Phase;
  readonly isRunning: boolean;
  readonly ended: Promise<void>;
  readonly verification: Judged | undefined;
  readonly name: string | undefined;
  readonly trust: string | undefined;
  readonly bytes: Blob | undefined;
}

/** The events that a search selects. */
export interface SelectedEvents {
  readonly query: string;
  /** Entries, ascending. */
  readonly entries: Float64Array;
}

/** Findings about the events that a search selects. */
export interface FindingsOfSearch extends SelectedFindings {
  readonly query: string;
  /** Number of events that the search selects. */
  readonly events: number;
}

/** Runs rules over the events in a session's index as they arrive. Dispatches `change`. */
export class Detection extends EventTarget {
  readonly session: DetectionSource;
  /** Findings so far; undefined before the first update. */
  status: FindingsStatus | undefined;
  /** Findings about the events of the search; undefined if all events are shown. */
  ofSearch: FindingsOfSearch | undefined;
  /** True if all events were examined and the report covers all of them. */
  isFinal = false;
  /** Reason why detection stopped. */
  failure: PlainError | undefined;
  readonly #rules: () => Promise<string>;
  readonly #begin: (rules: string) => Analysis;
  #analysis: Analysis | undefined;
  #isClosed = false;
  #events: SelectedEvents | undefined;
  #pressed: string | undefined;

  constructor(session: DetectionSource, rules: () => Promise<string>, begin: (rules: string) => Analysis) {
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

  /** Access to the findings; undefined before the analysis starts. */
  get answers():
    | Pick<Analysis, "list" | "groups" | "members" | "findingsOf" | "entriesOf" | "document" | "filed">
    | undefined {
    return this.#analysis;
  }

  /** ID of the finding that was pressed last. It comes first among those of its event. */
  get pressed(): string | undefined {
    return this.#pressed;
  }

  /** Notes that a finding was pressed. */
  press(id: string): void {
    this.#pressed = id;
    this.dispatchEvent(new Event("change"));
  }

  /** Limits `ofSearch` to the events of a search; undefined for all events. */
  async select(events: SelectedEvents | undefined): Promise<void> {
    if (events === undefined && this.#events === undefined) {
      return;
    }
    this.#events = events;
    // If there is no status yet, the first one includes them.
    const selected = await this.#analysis?.select(events?.entries);
    if (events === this.#events && this.status !== undefined) {
      this.#setSelected(events, selected);
      this.dispatchEvent(new Event("change"));
    }
  }

  #setSelected(events: SelectedEvents | undefined, selected: SelectedFindings | undefined): void {
    const { query = "", entries } = events ?? {};
    this.ofSearch = entries && selected && { ...selected, query, events: entries.length };
  }

  /** Ends detection. The session stays open. */
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
    let verification: Judged | undefined;
    let updating: Promise<void> | undefined;
    let next = Number.NEGATIVE_INFINITY;
    const update = async (isAll: boolean) => {
      verification = session.verification;
      const events = this.#events;
      const status = await analysis.status(verification && factsOf(verification));
      this.status = status;
      if (events === this.#events) {
        this.#setSelected(events, status.selected);
      }
      this.isFinal = isAll && verification === session.verification;
      next = performance.now() + UPDATE_INTERVAL_MS;
      updating = undefined;
      this.dispatchEvent(new Event("change"));
    };
    // First segment that the last update didn't cover.
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
        await updating;
        // Another trust file changes how far signers are trusted, also while the last update runs.
        return this.#followReports(() => update(true));
      }
      if (
        updating === undefined &&
        performance.now() >= next &&
        (segment > known || session.verification !== verification)
      ) {
        known = segment;
        updating = update(false);
        // The code that awaits it, or the next `add`, reports the failure.
        updating.catch(() => {});
      }
      if (lines === undefined && session.isRunning && !this.#isClosed) {
        await this.#waitForMore();
      }
    }
  }

  /** Updates the findings now, and whenever the session has another report. Resolves after the first update. */
  #followReports(update: () => Promise<void>): Promise<void> {
    const { session } = this;
    let updating = update();
    const next = () => {
      this.isFinal = false;
      this.dispatchEvent(new Event("change"));
      updating = updating.then(() => (this.#isClosed ? undefined : update()));
      // A later query reports the failure.
      updating.catch(() => {});
    };
    session.addEventListener("report", next);
    this.addEventListener("over", () => this.#isClosed && session.removeEventListener("report", next));
    return updating;
  }

  /** Resolves when more events may have arrived, or none will. */
  #waitForMore(): Promise<void> {
    const { session } = this;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        session.removeEventListener("change", done);
        this.removeEventListener("over", done);
        resolve();
      };
      const timer = setTimeout(() => session.addEventListener("change", done), POLL_INTERVAL_MS);
      this.addEventListener("over", done);
    });
  }
}
