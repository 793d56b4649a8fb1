/** The log's history: what it publishes, what this device remembers, and whether both agree. */

import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Alarm } from "@countersign/ui/viewer/verdict/alarm.js";
import { type Checkpoint, readCheckpoint } from "../src/input/checkpoint.ts";
import { Memory, type RememberedLog } from "../src/state/memory.ts";
import { type Log, RequestError } from "./log.ts";

export class History {
  readonly memory = Memory.ofBrowser();
  /** Newest published checkpoint, unverified. */
  published: Checkpoint | undefined;
  /** The first alarm. It stays. */
  alarm: Alarm | undefined;
  readonly #log: Log;
  /** Origin in what was verified last. The log may publish another one, or none. */
  #origin: string | undefined;
  /** Sessions whose reports were remembered. Their next reports continue them. */
  readonly #remembered = new WeakSet<Session>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Requests the published checkpoint. Keeps the last one if the request fails. */
  async ask(): Promise<void> {
    try {
      const { text } = await this.#log.text("checkpoint");
      this.published = readCheckpoint(text);
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
    if (this.alarm?.report.checks.append_only.state !== "fail") this.alarm = undefined;
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
    const appendOnly = report.checks.append_only.state;
    if (appendOnly === "fail") {
      this.alarm ??= { report, phrases, why, at: new Date(), goodPin: pins.at(-1) ?? null };
      return true;
    }
    const isGood = report.verdict !== "altered" && report.verdict !== "broken";
    const isOlder = known !== undefined && known.size > (report.log?.size ?? 0);
    const isUntold = pins.length > 0 && appendOnly !== "pass";
    if (isGood && pin !== null && !isOlder && !isUntold) {
      this.memory.keep(pin, new Date());
      this.#remembered.add(session);
    }
    return true;
  }
}
