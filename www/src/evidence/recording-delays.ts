import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { type DelayFacts, readFacts } from "./answer-facts.ts";

/** Reads once for each verdict how much later than stated all events of a file were recorded. */
export class RecordingDelays {
  readonly #known = new WeakMap<Report, DelayFacts>();

  /** Returns the delays of the events that a report is about; undefined until they are read. */
  of(report: Report): DelayFacts | undefined {
    return this.#known.get(report);
  }

  /**
   * Reads the delays while the page shows all events, because an index has rows only of its current search. Resolves to
   * true if they are new.
   */
  async read(
    { index, report, phase }: Pick<Session, "index" | "report" | "phase">,
    now: () => Selection,
  ): Promise<boolean> {
    const { state, query, turn } = now();
    const isAll = state === "ready" && query === "";
    if (!isAll || report === undefined || phase !== "done" || this.#known.has(report)) return false;
    const facts = await readFacts(index, { listed: 0, isCurrent: () => now().turn === turn });
    if (facts === undefined) return false;
    this.#known.set(report, facts);
    return true;
  }
}
