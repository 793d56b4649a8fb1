/** A recorder in memory: the real one, with a key, a clock and randomness that are the same each time. */

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

/** Nobody trusts these names: `.invalid` is no domain, and the key is in this package. */
const ORIGIN = "test.invalid/audit";
const SIGNER = "test.invalid/recorder";
const FIRST = Date.UTC(2026, 0, 1);

/** What a test may choose: as for any recorder, but for where it records to. */
export interface TestRecorderOptions<Events = unknown>
  extends Pick<
    CommonOptions<Events>,
    "events" | "redact" | "pathShapes" | "beforeRecord" | "onInvalid" | "onError" | "maxWaitingBytes" | "onFull"
  > {
  /** What the clock says at first. By default midnight at the beginning of 2026, in UTC. */
  now?: Date | string | number | undefined;
}

/** A clock that stands still until it is set. */
export interface TestClock {
  /** Milliseconds from the epoch. */
  now(): number;
  /** Sets it. */
  set(time: Date | string | number): void;
  /** Sets it forward by so many milliseconds. */
  advance(ms: number): void;
}

/** An event as it stands in the log: redacted, and with what a scope or `beforeRecord` made of it. */
export type RecordedEvent = Readonly<Omit<AuditEvent, "occurred_at"> & { occurred_at?: string }>;

/** A recorder that tells what it recorded. */
export interface TestRecorder<Event = EventInput> extends Recorder<Event> {
  /** What was recorded since the beginning, or since `clear`, in its order; at once, whether it was flushed or not. */
  events(): readonly RecordedEvent[];
  /** Forgets what `events` gives. The log goes on. */
  clear(): void;
  readonly clock: TestClock;
  /** A trust file that knows the recorder's key, for whoever verifies `exported()`. */
  readonly trust: string;
  /** The export of all that was flushed. With the same calls it is the same text each time. */
  exported(): string;
  /**
   * Flushes, and gives the verifier's report on the export. Throws where that finds anything but that the chain is not
   * closed, or where it finds another number of events.
   */
  verified(): Promise<Report>;
}

/** Makes a recorder for a test. It needs no log, no key and no network, and nothing is left of it. */
export async function createTestRecorder<Events = unknown>(
  options: TestRecorderOptions<Events> = {},
): Promise<TestRecorder<EventOf<Events>>> {
  must(
    typeof options === "object" && options !== null,
    undefined,
    "no options by their names",
    "give { now }, or leave them out",
  );
  const { now: _, ...chosen } = options;
  const first = field(options, "now") as TestRecorderOptions["now"];
  const clock = clockAt(first === undefined ? FIRST : millis(first));
  const seen: RecordedEvent[] = [];
  let recorded = 0;
  const core = await load();
  const [key = "", vkey = ""] = inCore(() => core.signerKey(SIGNER, new Uint8Array(32).fill(7)));
  const to = memory();
  const taken = (event: RecordedEvent) => {
    recorded++;
    seen.push(event);
  };
  const { createRecorder } = recording(artifact, none, {
    wrapped: (artifact) => telling(artifact as Core, taken) as typeof artifact,
    now: () => clock.now(),
    random: counting(),
  });
  const recorder = createRecorder<Events>({
    ...chosen,
    onInvalid: (field(options, "onInvalid") as TestRecorderOptions["onInvalid"]) ?? "throw",
    key,
    origin: ORIGIN,
    to,
  });
  await recorder.ready();
  const trust = `emitter ${vkey}\n`;
  return Object.assign(recorder, {
    events: () => [...seen],
    clear: () => {
      seen.length = 0;
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
          hint: "see the findings; exported() is what was verified",
        });
      }
      return report;
    },
  });
}

const load = loader(artifact);

/** The artifact, whose recorders tell of each event as they queued it. */
function telling(core: Core, tell: (event: RecordedEvent) => void): Core {
  return {
    ...core,
    Recorder: class extends core.Recorder {
      override keepUnstored(): void {
        super.keepUnstored(true);
      }

      override record(salted: Uint8Array, time: number, typed: boolean): number {
        const bytes = super.record(salted, time, typed);
        const line = super.unstored();
        tell(JSON.parse(line.slice(line.indexOf("{"))));
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
  const hint = "give a Date, a time such as 2026-01-31T12:00:00Z, or whole milliseconds from the epoch";
  must(Number.isSafeInteger(value), "now", "no time", hint);
  return value;
}

/** The same bytes each time, and no two alike. */
function counting(): (bytes: Uint8Array<ArrayBuffer>) => void {
  let count = 0;
  return (bytes) => {
    count++;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - 4, count);
  };
}
