/** The log's history: what it publishes, what this device saw of it before, and whether the two go together. */

import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Alarm } from "@countersign/ui/viewer/verdict/alarm.js";
import { type Checkpoint, readCheckpoint } from "../src/input/checkpoint.ts";
import { Memory, type Seen } from "../src/state/memory.ts";
import { type Log, Refused } from "./log.ts";

export class History {
  readonly memory = Memory.ofBrowser();
  /** The newest published checkpoint, by the log's word. */
  published: Checkpoint | undefined;
  /** What was wrong first. It stays. */
  alarm: Alarm | undefined;
  readonly #log: Log;
  /** The log's name in what was verified last: it may publish another, or none. */
  #origin: string | undefined;
  /** Whose reports were remembered: the next one continues them. */
  readonly #remembered = new WeakSet<Session>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Asks what is published now. Where the log does not say, it stays as it was. */
  async ask(): Promise<void> {
    try {
      const { text } = await this.#log.text("checkpoint");
      this.published = readCheckpoint(text);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  /** As this device saw the log last. */
  get seen(): Seen | undefined {
    return this.memory.of(this.#origin ?? this.published?.origin ?? "");
  }

  /** Where an export is to be cut, to be held against what was seen. */
  get boundary(): number | undefined {
    const size = this.seen?.size ?? 0;
    // Where the log is smaller than it was, there is no such boundary: the verifier says what that means.
    return size > 0 && size <= (this.published?.size ?? 0) ? size : undefined;
  }

  /** What the reader trusts is another now: what was wrong by what they trusted before is found again, if it is. */
  judgeAnew(): void {
    if (this.alarm?.report.checks.append_only.state !== "fail") this.alarm = undefined;
  }

  /**
   * Takes a report: a history that changed raises the alarm, one that held is remembered. False where the log turns out
   * to be one that this device saw, and the report was not held against that: it is to be asked again.
   */
  take(session: Session): boolean {
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
