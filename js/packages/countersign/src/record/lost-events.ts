/** Counts events that will not be delivered, and reports them: once per period, not once per event. */

import { CountersignError } from "../error.js";
import { toJson } from "./serialize.js";

/** Events that are not in the log, and when the first and the last of them were: milliseconds from the epoch. */
export interface Dropped {
  readonly count: number;
  readonly since: number;
  readonly until: number;
}

/** Milliseconds between two reports. */
const PERIOD_MS = 60_000;

/** Why events were lost, as the event `countersign.dropped` says it. */
export type LossReason =
  | "too much waited to be delivered"
  | "a chain could not be continued"
  | "the recorder could not be started";

/** Events that are not in the log, and why. */
export type Loss = Dropped & { readonly reason: LossReason };

export class LostEvents {
  readonly #report: (error: CountersignError) => void;
  /** Counts of events that no `countersign.dropped` was recorded for yet. */
  readonly #unrecorded = new Map<LossReason, Dropped>();
  /** Events since the recorder was created that there was no room for. */
  dropped = 0;
  /** Events since then that were lost for another reason. */
  lost = 0;
  #unreported = 0;
  #isReporting = false;
  #reported = Number.NEGATIVE_INFINITY;

  /** `report` is called once per period with how many events were dropped in it. */
  constructor(report: (error: CountersignError) => void) {
    this.#report = report;
  }

  /** Counts events that there was no room for. */
  drop(dropped: Dropped, reason: LossReason = "too much waited to be delivered"): void {
    this.dropped += dropped.count;
    this.#unreported += dropped.count;
    this.#add(reason, dropped);
    this.reportDue();
  }

  /** Reports events that were dropped since the last report, if that was long enough ago. */
  reportDue(): void {
    if (this.#unreported > 0 && !this.#isReporting && performance.now() - this.#reported >= PERIOD_MS) {
      this.#isReporting = true;
      // Those of the same moment are one report.
      queueMicrotask(() => this.#reportDropped());
    }
  }

  /** Counts events of a chain that can't be continued, and that no outbox has. That is reported with the chain. */
  lose(lost: Dropped): void {
    this.lost += lost.count;
    this.#add("a chain could not be continued", lost);
  }

  /** How many of them no `countersign.dropped` was recorded for yet. */
  get unrecorded(): number {
    return [...this.#unrecorded.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Takes what is to be recorded as `countersign.dropped`. */
  take(): Loss[] {
    const taken = Array.from(this.#unrecorded, ([reason, dropped]) => ({ reason, ...dropped }));
    this.#unrecorded.clear();
    return taken;
  }

  #add(reason: LossReason, { count, since, until }: Dropped): void {
    const before = this.#unrecorded.get(reason);
    this.#unrecorded.set(reason, { count: (before?.count ?? 0) + count, since: before?.since ?? since, until });
  }

  #reportDropped(): void {
    const count = this.#unreported;
    this.#isReporting = false;
    this.#unreported = 0;
    this.#reported = performance.now();
    const what = count === 1 ? "1 event was" : `${count} events were`;
    this.#report(
      new CountersignError("recorder.full", `${what} dropped: too much waits to be delivered`, {
        hint: "find out why deliveries fail (status().lastError), or raise maxWaitingBytes; status().dropped counts the dropped events",
      }),
    );
  }
}

/** The event that stands in the log for events that are not there. */
export function droppedEvent({ reason, count, since, until }: Loss): string {
  return lossEvent(reason, { count, since: new Date(since), until: new Date(until) });
}

/** The event that stands in the log for one that was not valid. */
export function invalidEvent({ code, member }: CountersignError): string {
  return lossEvent("an event was not valid", { count: 1, code, member });
}

function lossEvent(reason: string, metadata: object): string {
  const actor = { type: "service", id: "countersign" };
  return toJson({ action: "countersign.dropped", actor, outcome: "failure", reason, metadata });
}

/** The error for events that are lost with the program. */
export function lostError(count: number, isDurable: boolean, hint: string): CountersignError {
  const what = count === 1 ? "1 event was" : `${count} events were`;
  const how = isDurable ? "neither delivered nor in the outbox" : "not delivered";
  return new CountersignError("recorder.lost", `${what} ${how} before the program ended`, { hint });
}
