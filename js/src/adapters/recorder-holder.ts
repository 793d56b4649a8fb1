/** Where a recorder lives that is made when it is first needed, and found again by whoever comes later. */

import { CountersignError } from "../error.js";
import type { Audit, Scope } from "../record/audit.js";
import type { CreateRecorder } from "../record/create.js";
import type { AuditEvent } from "../record/event.js";
import { droppedHandle, type Handle } from "../record/handle.js";
import type { RecorderOptions } from "../record/options.js";
import type { FlushPatience, Recorder, Status } from "../record/recorder.js";
import { scoped } from "../record/scope.js";
import { toJson } from "../record/serialize.js";
import { asLine, tell } from "../record/tell.js";
import { Early } from "./early.js";

/** What a holder makes its recorder of. */
export interface HolderOptions {
  create: CreateRecorder;
  /** Reads the options, each time anew: what was missing may be there by then. */
  options: () => Promise<RecorderOptions>;
  /** Whether whoever comes while one is being made may wait for that: not where its context can end before. */
  shared: boolean;
  /** Whether `record` throws where there is no room. */
  required: boolean;
}

/** What a recorder says that does not exist yet. */
const NOTHING: Status = {
  queued: 0,
  waiting: 0,
  waitingBytes: 0,
  inFlight: 0,
  chain: undefined,
  lastProof: undefined,
  lastError: undefined,
  retryIn: undefined,
  dropped: 0,
  redacted: 0,
  dead: [],
};

/** Records at any time: what comes before the recorder is there waits for it, and keeps its time. */
export class RecorderHolder implements Audit {
  readonly #options: HolderOptions;
  readonly #early = new Early();
  #recorder: Recorder | undefined;
  #starting: Promise<Recorder> | undefined;
  #startError: CountersignError | undefined;
  #onError: ((error: CountersignError) => void) | undefined;
  /** What was told last. */
  #told = "";
  /** The moment at which what is recorded now was recorded. */
  #moment: number | undefined;
  #now: () => number = Date.now;

  constructor(options: HolderOptions) {
    this.#options = options;
  }

  get isStarted(): boolean {
    return this.#recorder !== undefined;
  }

  with(scope: Scope): Audit;
  with<Result>(scope: Scope, work: (audit: Audit) => Result): Result;
  with<Result>(scope: Scope, work?: (audit: Audit) => Result): Audit | Result {
    return scoped(this, scope, work);
  }

  record(event: AuditEvent): Handle {
    return this.#recorder?.record(event) ?? this.#waitAs(toJson(event));
  }

  recordJson(json: string | Uint8Array): Handle {
    if (this.#recorder !== undefined) {
      return this.#recorder.recordJson(json);
    }
    const kept = typeof json === "string" ? json : json.slice();
    return this.#wait(kept.length, (recorder) => recorder.recordJson(kept));
  }

  async flush(patience?: FlushPatience): Promise<void> {
    const recorder = this.#recorder ?? (await this.start());
    await recorder.flush(patience);
    this.#told = "";
  }

  status(): Status {
    return (
      this.#recorder?.status() ?? {
        ...NOTHING,
        queued: this.#early.length,
        waiting: this.#early.length,
        waitingBytes: this.#early.bytes,
        lastError: this.#startError,
        dropped: this.#early.dropped,
      }
    );
  }

  /** Makes the recorder, unless there is one. */
  async start(): Promise<Recorder> {
    if (this.#recorder !== undefined) {
      return this.#recorder;
    }
    if (!this.#options.shared) {
      return this.#start();
    }
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Tells of what nobody waited for, once until something else is wrong. */
  report(error: unknown): void {
    const coded = asCoded(error);
    if (this.#onError !== undefined) {
      tell(this.#onError, coded);
      return;
    }
    const text = asLine(coded);
    if (text !== this.#told) {
      this.#told = text;
      console.error(text);
    }
  }

  async #start(): Promise<Recorder> {
    try {
      const options = await this.#options.options();
      this.#onError = options.onError;
      this.#now = options.now ?? Date.now;
      const recorder = await this.#options.create({ ...options, now: () => this.#moment ?? this.#now() });
      if (this.#recorder === undefined) {
        this.#recorder = recorder;
        this.#catchUp(recorder);
      }
    } catch (error) {
      this.#startError = asCoded(error);
      if (this.#recorder === undefined) {
        throw this.#startError;
      }
    }
    return this.#recorder;
  }

  #catchUp(recorder: Recorder): void {
    try {
      this.#early.moveTo(
        recorder,
        (time) => {
          this.#moment = time;
        },
        (error) => this.report(error),
      );
    } finally {
      this.#moment = undefined;
    }
  }

  /** Has an event wait as it is now, whatever becomes of the object that it was. */
  #waitAs(json: string): Handle {
    return this.#wait(json.length, (recorder) => recorder.record(JSON.parse(json)));
  }

  #wait(bytes: number, record: (recorder: Recorder) => Handle): Handle {
    const handle = this.#early.add(bytes, this.#now(), record);
    if (this.#options.shared) {
      this.start().catch((error) => this.report(error));
    }
    if (handle === undefined && this.#options.required) {
      throw new CountersignError(
        "recorder.full",
        "the recorder could not be started, and too many events wait for it",
        {
          hint: "the cause says why it could not",
          cause: this.#startError,
        },
      );
    }
    return handle ?? droppedHandle();
  }
}

function asCoded(error: unknown): CountersignError {
  if (error instanceof CountersignError) {
    return error;
  }
  return new CountersignError("recorder.failed", `the recorder could not be started: ${error}`, {
    hint: "see the cause; what was recorded waits in memory for the next try",
    cause: error,
  });
}
