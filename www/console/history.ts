/** The log's history: what it publishes, what this device remembers, and whether both agree. */

import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Alarm } from "@countersign/ui/viewer/verdict/alarm.js";
import type { Report } from "countersign/verify";
import { type Checkpoint, readCheckpoint } from "../src/input/checkpoint.ts";
import { hasContradictoryHead } from "../src/state/agreement.ts";
import { Memory, type RememberedLog } from "../src/state/memory.ts";
import { type Log, RequestError } from "./log.ts";

export class History {
  readonly memory: Memory;
  /** Newest published checkpoint or head, unverified. */
  published: Checkpoint | undefined;
  /** The first alarm. It stays. */
  alarm: Alarm | undefined;
  readonly #log: Log;
  /** Origin of the newest verified export. The published checkpoint may have another one, or be missing. */
  #origin: string | undefined;
  /** Sessions whose reports were remembered. Their next reports continue them. */
  readonly #remembered = new WeakSet<Session>();

  constructor(log: Log, memory = Memory.ofBrowser()) {
    this.#log = log;
    this.memory = memory;
  }

  /** Requests the published checkpoint or head. Keeps the last one if the request fails. */
  async ask(): Promise<void> {
    try {
      this.published = readCheckpoint(await this.#log.newestState());
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
    }
  }

  /** The remembered state of the log. */
  get seen(): RememberedLog | undefined {
    return this.memory.of(this.#origin ?? this.published?.origin ?? "");
  }

  /** Size at which an export must be cut to be compared with the remembered state. */
  get boundary(): number | undefined {
    const size = this.seen?.size ?? 0;
    // If the log is smaller than it was, there is no such boundary, and the verifier says what that means.
    return size > 0 && size <= (this.published?.size ?? 0) ? size : undefined;
  }

  /** Clears the alarm after a change of trust. If it still applies, it is raised again. */
  clearAlarm(): void {
    if (this.alarm !== undefined && !isChanged(this.alarm.report)) this.alarm = undefined;
  }

  /** Forgets what the log published, if only readers with a token may know it. */
  leave(): void {
    if (this.#log.isTenant) this.published = undefined;
  }

  /**
   * Processes a report: a changed history raises the alarm, an unchanged one is remembered. Returns false if
   * the log turns out to be one that this device remembers, but the report wasn't compared with that; it must
   * be requested again.
   */
  process(session: Session): boolean {
    const { verification, pins } = session;
    if (verification === undefined) return true;
    const { report, phrases, why, pin } = verification;
    const origin = report.origin ?? "";
    const known = this.memory.of(origin);
    this.#origin = origin;
    const isContinued = this.#remembered.has(session);
    if (known !== undefined && !isContinued && !pins.some((pin) => readCheckpoint(pin)?.origin === origin))
      return false;
    if (isChanged(report)) {
      this.alarm ??= { report, phrases, why, at: new Date(), goodPin: pins.at(-1) ?? null };
      return true;
    }
    const isGood = report.verdict !== "altered" && report.verdict !== "broken";
    const isUntold = pins.length > 0 && report.checks.append_only.state !== "pass";
    if (isGood && pin !== null && !isUntold && this.memory.keep(pin, new Date()))
      this.#remembered.add(session);
    return true;
  }
}

/** True if the report shows that the log's history changed, or that its heads contradict each other or a pin. */
function isChanged(report: Report): boolean {
  return report.checks.append_only.state === "fail" || hasContradictoryHead(report);
}
