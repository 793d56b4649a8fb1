/** An in-memory recorder for tests: the real one with a deterministic key, clock, and randomness. */

import { artifact } from "#recorder";
import { CountersignError, must } from "../error.js";
import { field } from "../own.js";
import { type Core, inCore, loader } from "../record/core.js";
import { recording } from "../record/create.js";
import type { AuditEvent, EventInput, EventOf } from "../record/event.js";
import { none } from "../record/lifecycle.js";
import type { CommonOptions } from "../record/options.js";
import type { Recorder } from "../record/recorder.js";
import type { Report } from "../report.js";
import { memory } from "../transport/transport.js";
import { verify } from "../verify/verify.js";

/** Names that are never trusted: `.invalid` is a reserved domain, and the key is public. */
const ORIGIN = "test.invalid/audit";
const SIGNER = "test.invalid/recorder";
const FIRST = Date.UTC(2026, 0, 1);

/** Options of `createTestRecorder`: those of a recorder without its key and destination. */
export interface TestRecorderOptions<Events = unknown>
  extends Pick<
    CommonOptions<Events>,
    | "events"
    | "redact"
    | "pathShapes"
    | "service"
    | "beforeRecord"
    | "onInvalid"
    | "onError"
    | "maxWaitingBytes"
    | "onFull"
  > {
  /**
   * Initial time of the clock.
   *
   * @default 2026-01-01T00:00:00Z
   * @example
   * ```ts
   * now: "2026-11-20T06:00:00Z"
   * ```
   */
  now?: Date | string | number | undefined;
}

/** A clock that only moves when it is set. */
export interface TestClock {
  /** Returns the time in milliseconds since the epoch. */
  now(): number;
  /** Sets the time. */
  set(time: Date | string | number): void;
  /** Advances the time by this many milliseconds. */
  advance(ms: number): void;
}

/** An event as it is in the log: redacted, and with the changes of scopes and `beforeRecord`. */
export type RecordedEvent = Readonly<Omit<AuditEvent, "occurred_at"> & { occurred_at?: string }>;

/** A recorder that exposes what it recorded. */
export interface TestRecorder<Event = EventInput> extends Recorder<Event> {
  /**
   * Returns all events in order since the start or the last `clear`, immediately and even if they aren't flushed yet.
   */
  events(): readonly RecordedEvent[];
  /** Clears the list of `events`. The log is unaffected. */
  clear(): void;
  readonly clock: TestClock;
  /** A trust file with the recorder's key, for verifying `exported()`. */
  readonly trust: string;
  /** Returns the export of all flushed events. The same calls produce the same export. */
  exported(): string;
  /**
   * Flushes, verifies the export, and returns the report. Throws if the verifier finds any problem other than an open
   * chain, or a different number of events.
   */
  verified(): Promise<Report>;
}

/** Creates a recorder for a test. It needs no log, key, or network, and leaves nothing behind. */
export async function createTestRecorder<Events = unknown>(
  options: TestRecorderOptions<Events> = {},
): Promise<TestRecorder<EventOf<Events>>> {
  must(
    typeof options === "object" && options !== null,
    undefined,
    "options must be an object",
    "pass { now }, or omit the options",
  );
  const { now: _, ...chosen } = options;
  const first = field(options, "now") as TestRecorderOptions["now"];
  const clock = clockAt(first === undefined ? FIRST : millis(first));
  const events: RecordedEvent[] = [];
  let recorded = 0;
  const core = await load();
  const [key = "", vkey = ""] = inCore(() => core.signerKey(SIGNER, new Uint8Array(32).fill(7)));
  const to = memory();
  const onRecord = (event: RecordedEvent) => {
    recorded++;
    events.push(event);
  };
  const { createRecorder } = recording(artifact, none, {
    wrapped: (artifact) => observed(artifact as Core, onRecord) as typeof artifact,
    now: () => clock.now(),
    random: counter(),
  });
  const recorder = createRecorder<Events>({
    ...chosen,
    // The environment of a test must not change its events.
    service: (field(options, "service") as TestRecorderOptions["service"]) ?? false,
    onInvalid: (field(options, "onInvalid") as TestRecorderOptions["onInvalid"]) ?? "throw",
    key,
    origin: ORIGIN,
    to,
  });
  await recorder.ready();
  const trust = `emitter ${vkey}\n`;
  return Object.assign(recorder, {
    events: () => [...events],
    clear: () => {
      events.length = 0;
    },
    clock,
    trust,
    exported: () => to.text(),
    verified: async () => {
      await recorder.flush();
      const { report } = await verify(to.bytes(), { trust, threads: 0 });
      const isOpen = report.verdict === "partial" && report.findings.every(({ code }) => code === "chain.open");
      if (!(report.verdict === "verified" || isOpen) || report.counts.events !== recorded) {
        const found = report.findings.map(({ code }) => code).join(", ");
        const what = `the verdict is ${report.verdict}, with ${report.counts.events} of ${recorded} events (${found})`;
        throw new CountersignError("recorder.failed", what, {
          hint: "see the findings in the message, and check exported()",
        });
      }
      return report;
    },
  });
}

const load = loader(artifact);

/** Wraps the module so that its recorders report each event that they queue. */
function observed(core: Core, onRecord: (event: RecordedEvent) => void): Core {
  return {
    ...core,
    Recorder: class extends core.Recorder {
      override keepUnstored(): void {
        super.keepUnstored(true);
      }

      override record(salted: Uint8Array, time: number, typed: boolean): number {
        const bytes = super.record(salted, time, typed);
        const line = super.unstored();
        // Events of a `RedactionProbe` are not recorded, and have no line.
        if (line !== "") {
          onRecord(JSON.parse(line.slice(line.indexOf("{"))));
        }
        return bytes;
      }
    },
  };
}

function clockAt(first: number): TestClock {
  let time = first;
  return {
    now: () => time,
    set: (to) => {
      time = millis(to);
    },
    advance: (ms) => {
      time = millis(time + ms);
    },
  };
}

function millis(time: Date | string | number): number {
  const value = new Date(time).getTime();
  const hint = "pass a Date, a time such as 2026-01-31T12:00:00Z, or whole milliseconds since the epoch";
  must(Number.isSafeInteger(value), "now", "the time is invalid", hint);
  return value;
}

/** Returns a source of distinct bytes that repeats on every run. */
function counter(): (bytes: Uint8Array<ArrayBuffer>) => void {
  let count = 0;
  return (bytes) => {
    count++;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - 4, count);
  };
}
