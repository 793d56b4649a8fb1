/** Counts events that will not be delivered and reports them once per period. */

import { CountersignError } from "../error.js";
import { toJson } from "./serialize.js";

/**
 * The number of events missing from the log, and the times of the first and the last in milliseconds since the epoch.
 */
export interface Dropped {
  readonly count: number;
  readonly since: number;
  readonly until: number;
}

/** Milliseconds between two reports. */
const PERIOD_MS = 60_000;

/** Reasons for lost events, as given in `countersign.dropped`. */
export type LossReason =
  | "too much waited to be delivered"
  | "a chain could not be continued"
  | "the recorder could not be started";

/** Lost events and the reason. */
export type Loss = Dropped & { readonly reason: LossReason };

export class LostEvents {
  readonly #report: (error: CountersignError) => void;
  /** Counts not recorded as `countersign.dropped` yet. */
  readonly #unrecorded = new Map<LossReason, Dropped>();
  /** Number of events dropped because the recorder was full, since it was created. */
  dropped = 0;
  /** Number of events lost for other reasons, since the recorder was created. */
  lost = 0;
  #unreported = 0;
  #isReporting = false;
  #reported = Number.NEGATIVE_INFINITY;

  /** `report` is called once per period with how many events were dropped in it. */
  constructor(report: (error: CountersignError) => void) {
    this.#report = report;
  }

  /** Counts events dropped because the recorder was full. */
  drop(dropped: Dropped, reason: LossReason = "too much waited to be delivered"): void {
    this.dropped += dropped.count;
    this.#unreported += dropped.count;
    this.#add(reason, dropped);
    this.reportDue();
  }

  /** Reports events dropped since the last report, at most once per period. */
  reportDue(): void {
    if (this.#unreported > 0 && !this.#isReporting && performance.now() - this.#reported >= PERIOD_MS) {
      this.#isReporting = true;
      // Events dropped in the same moment share a report.
      queueMicrotask(() => this.#reportDropped());
    }
  }

  /** Counts events of a dead chain that no outbox contains. They are reported with the chain. */
  lose(lost: Dropped): void {
    this.lost += lost.count;
    this.#add("a chain could not be continued", lost);
  }

  /** Number of lost events not recorded as `countersign.dropped` yet. */
  get unrecorded(): number {
    return [...this.#unrecorded.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Returns the losses to record as `countersign.dropped`, and resets them. */
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
    const countText = count === 1 ? "1 event was" : `${count} events were`;
    this.#report(
      new CountersignError("recorder.full", `${countText} dropped because the recorder is full`, {
        hint: "check why deliveries fail (status().lastError), or raise maxWaitingBytes; status().dropped counts the dropped events",
      }),
    );
  }
}

/** Returns the event that represents lost events in the log. */
export function droppedEvent({ reason, count, since, until }: Loss): string {
  return lossEvent(reason, { count, since: new Date(since), until: new Date(until) });
}

/** Returns the event that represents an invalid event in the log. */
export function invalidEvent({ code, member }: CountersignError): string {
  return lossEvent("an event was not valid", { count: 1, code, member });
}

function lossEvent(reason: string, metadata: object): string {
  const actor = { type: "service", id: "countersign" };
  return toJson({ action: "countersign.dropped", actor, outcome: "failure", reason, metadata });
}

/** Returns the error for events that are lost when the program exits. */
export function lostError(count: number, isDurable: boolean, hint: string): CountersignError {
  const countText = count === 1 ? "1 event was" : `${count} events were`;
  const state = isDurable ? "neither delivered nor in the outbox" : "not delivered";
  return new CountersignError("recorder.lost", `${countText} ${state} before the program exited`, { hint });
}
