/** Where a recorder lives that is made when it is first needed, and found again by whoever comes later. */

import { lifecycle } from "#recorder";
import { outsideRequests, requestSaid } from "../context/request.js";
import { CountersignError, coded, tell, teller } from "../error.js";
import { own } from "../own.js";
import type { Audit } from "../record/audit.js";
import type { CreateRecorder } from "../record/create.js";
import type { AuditEvent } from "../record/event.js";
import { droppedHandle, type Handle, invalidHandle } from "../record/handle.js";
import { frozen, isDevelopment } from "../record/intake.js";
import { lostError } from "../record/lost-events.js";
import { ownRecorderOptions, type RecorderOptions } from "../record/options.js";
import { createRecorder } from "../record/record.js";
import type { FlushPatience, Recorder, Status } from "../record/recorder.js";
import { completed, completedText, Scopable } from "../record/scope.js";
import { within } from "../timers.js";
import { Early } from "./early.js";

/** What a holder makes its recorder of. */
export interface HolderOptions {
  create?: CreateRecorder | undefined;
  /** Reads the options, each time anew: what was missing may be there by then. */
  options: () => Promise<RecorderOptions>;
  /** Whether whoever comes while one is being made may wait for that: not where its context can end before. */
  shared: boolean;
  /** Whether nothing goes on without a recorder, and `record` throws where there is no room. */
  required: boolean;
}

/** Milliseconds for which a program that has nothing else to do is kept alive to start its recorder. */
const EXIT_TIMEOUT_MS = 5_000;

/** What is done with an event that waited for the recorder, and is then refused. */
export type Otherwise = (error: CountersignError, audit: Audit) => void;

/** Records at any time: what comes before the recorder is there waits for it, and keeps its time. */
export class RecorderHolder extends Scopable implements Audit {
  readonly #options: HolderOptions;
  readonly #early = new Early();
  #recorder: Recorder | undefined;
  #starting: Promise<Recorder> | undefined;
  #startError: CountersignError | undefined;
  #onError: ((error: CountersignError) => void) | undefined;
  /** Whether what is wrong with an event is reported; thrown otherwise. */
  #reports = !isDevelopment();
  /** What was told last. */
  #write = written();
  /** The moment at which what is recorded now was recorded. */
  #moment: number | undefined;
  #now: () => number = Date.now;
  /** Follows the program's life while events wait for a recorder. */
  #unfollow: (() => void) | undefined;
  /** True if the program was kept alive once for a recorder to be started. */
  #isIdle = false;

  constructor(options: HolderOptions) {
    super();
    this.#options = own(options);
  }

  get isStarted(): boolean {
    return this.#recorder !== undefined;
  }

  /** How many events are not delivered and can be. */
  get waiting(): number {
    return this.#recorder?.waiting ?? this.#early.length;
  }

  record(event: AuditEvent, otherwise?: Otherwise): Handle {
    if (this.#recorder !== undefined) {
      return this.#recorder.record(event);
    }
    // As it is now, whatever becomes of the object.
    const { json, problems } = frozen(completed(event, requestSaid()), this.#reports);
    return this.#wait(json.length, (recorder) => {
      try {
        return recorder.recordRead(JSON.parse(json), problems);
      } catch (error) {
        if (!(error instanceof CountersignError) || otherwise === undefined) {
          throw error;
        }
        otherwise(error, recorder);
        return invalidHandle(error);
      }
    });
  }

  recordJson(json: string | Uint8Array): Handle {
    if (this.#recorder !== undefined) {
      return this.#recorder.recordJson(json);
    }
    const whole = completedText(json, requestSaid());
    const kept = typeof whole === "string" ? whole : whole.slice();
    return this.#wait(kept.length, (recorder) => recorder.recordJson(kept));
  }

  async flush(patience?: FlushPatience): Promise<void> {
    const recorder = this.#recorder ?? (await this.start());
    await recorder.flush(patience);
    this.#write = written();
  }

  status(): Status {
    const { length, bytes, dropped } = this.#early;
    return (
      this.#recorder?.status() ?? {
        queued: length,
        waiting: length,
        waitingBytes: bytes,
        inFlight: 0,
        chain: undefined,
        lastProof: undefined,
        lastError: this.#startError,
        retryIn: undefined,
        dropped,
        lost: 0,
        redacted: 0,
        dead: [],
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

  /** Makes the recorder; where none is required, it is told of only that there is none. */
  async begin(): Promise<void> {
    await this.start().catch((error) => {
      if (this.#options.required) {
        throw error;
      }
      this.report(error);
    });
  }

  /** Tells of what nobody waited for, once until something else is wrong. */
  report(error: unknown): void {
    const failed = asCoded(error);
    tell(this.#onError ?? this.#write, failed);
  }

  async #start(): Promise<Recorder> {
    try {
      const { create = createRecorder, options: read, required } = this.#options;
      const options = ownRecorderOptions(await read());
      this.#onError = options.onError;
      if (options.onInvalid !== undefined) {
        this.#reports = options.onInvalid === "report";
      }
      this.#now = options.now ?? Date.now;
      const now = () => this.#moment ?? this.#now();
      // What the recorder tells of and what its invocations do is said once.
      const onError = options.onError ?? ((error: CountersignError) => this.report(error));
      const onFull = options.onFull ?? (required ? "throw" : "drop");
      const recorder = await create({ ...options, onError, onFull, now });
      if (this.#recorder === undefined) {
        this.#recorder = recorder;
        this.#catchUp(recorder);
        this.#unfollow?.();
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
      // Each has what its own request says, and nothing of this one.
      outsideRequests(() =>
        this.#early.moveTo(
          recorder,
          (time) => {
            this.#moment = time;
          },
          (error) => this.report(error),
        ),
      );
    } finally {
      this.#moment = undefined;
    }
  }

  /** Starts the recorder once more, because the program has nothing else to do. */
  #idle(): void {
    if (this.#isIdle || this.waiting === 0) {
      this.#early.giveUp(this.#lost());
      return;
    }
    this.#isIdle = true;
    within(EXIT_TIMEOUT_MS, this.start(), () => this.#lost()).catch((error) => {
      this.report(error);
      this.#early.giveUp(this.#lost());
    });
  }

  #exit(): void {
    if (this.#recorder === undefined && this.#early.length + this.#early.dropped > 0) {
      this.report(this.#lost());
      lifecycle.failed?.();
    }
  }

  #lost(): CountersignError {
    const hint = `the recorder could not be started: ${this.#startError?.message ?? "it was still starting"}`;
    return lostError(this.#early.length + this.#early.dropped, false, hint);
  }

  #wait(bytes: number, record: (recorder: Recorder) => Handle): Handle {
    const nothing = () => {};
    this.#unfollow ??= lifecycle.follow({
      hidden: nothing,
      shown: nothing,
      leaving: nothing,
      idle: () => this.#idle(),
      exiting: () => this.#exit(),
    });
    const handle = this.#early.add(bytes, this.#now(), record);
    if (this.#options.shared) {
      this.start().catch((error) => this.report(error));
    }
    if (handle === undefined && this.#options.required) {
      const message = "the recorder could not be started, and too many events wait for it";
      const hint = "the cause says why it could not";
      throw new CountersignError("recorder.full", message, { hint, cause: this.#startError });
    }
    return handle ?? droppedHandle();
  }
}

function asCoded(error: unknown): CountersignError {
  const hint = "see the cause; what was recorded waits in memory for the next try";
  return coded(error, "recorder.failed", `the recorder could not be started: ${error}`, hint);
}

function written(): (error: CountersignError) => void {
  return teller("", (line) => console.error(line));
}
