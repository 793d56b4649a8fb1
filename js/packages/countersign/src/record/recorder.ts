/** The recorder, which is usable as soon as it is created, before it has started. */

/// <reference lib="esnext.disposable" preserve="true" />

import { outsideRequests, requestScope } from "../context/request.js";
import { CountersignError, callOnError, coded, type ErrorCode } from "../error.js";
import { pause, sleep, unref, type Waits, within } from "../timers.js";
import { type Audit, type FlushOptions, retryForMsOf, type Status } from "./audit.js";
import { LINK } from "./chain.js";
import type { ActionOf, AuditEvent, EventInput, FieldsArgument } from "./event.js";
import type { EventPipeline } from "./event-pipeline.js";
import { toEvent } from "./fields.js";
import { droppedHandle, type Handle, invalidHandle } from "./handle.js";
import { frozen, Intake, isDevelopment, textOf } from "./intake.js";
import type { Lifecycle } from "./lifecycle.js";
import { lostError } from "./lost-events.js";
import type { Settings } from "./options.js";
import { PendingCalls } from "./pending-calls.js";
import { completed, completedText, Scopable } from "./scope.js";
import { severalTenantsIn } from "./shared-event.js";
import type { KeyHandle, Signer } from "./signer.js";
import { type QueueLimits, StartupQueue } from "./startup-queue.js";

export type { FlushOptions, Status } from "./audit.js";

/** @internal The parts of a recorder. */
export interface Setup {
  /** The settings, or a function that reads them when the recorder starts. */
  readonly settings: Settings | (() => Promise<Settings>);
  /** Called with errors before the settings are known. */
  readonly onError: (error: CountersignError) => void;
  /**
   * True if callers that need the recorder fail with its start. They then report the failure themselves, and `record`
   * throws when the recorder is full.
   */
  readonly required: boolean;
  /** True if all callers share one attempt to start; false if an attempt can end with its caller's context. */
  readonly isShared: boolean;
  readonly lifecycle: Lifecycle;
  /** Loads WebAssembly, reads the key, and opens the outbox. `now` is the recorder's clock. */
  open(settings: Settings, now: () => number): Promise<EventPipeline>;
}

/** Called if an event that waited for the start was then rejected. `audit` can record a replacement. */
export type RejectedListener = (error: CountersignError, audit: Pick<Audit, "record">) => void;

/** Milliseconds to keep an idle program alive so that its recorder can start, or to retry at the end of a scope. */
const EXIT_TIMEOUT_MS = 5_000;
/** Limits of the queue while the settings are unknown. */
const UNCONFIGURED_LIMITS: QueueLimits = { events: 1024, bytes: (1 << 20) + 1024 * LINK };
/** Backoff between attempts while the settings are unknown, in milliseconds. */
const UNCONFIGURED_WAITS: Waits = { first: 500, longest: 60_000 };
/** Errors that may not occur again in the next attempt. All others result from options, which don't change. */
const RETRIED: ReadonlySet<string> = new Set<ErrorCode>([
  "outbox.in_use",
  "outbox.full",
  "outbox.failed",
  "outbox.unavailable",
  "wasm.unavailable",
  "recorder.failed",
]);

/**
 * Records events as one chain; only those of its catalog, if it has one. It starts in the background. Events recorded
 * before that wait in memory, in order and with their time. If an event only proves invalid at the start, it is
 * reported to `onError`, its handle rejects, and `countersign.dropped` is recorded instead.
 */
export class Recorder<Event = EventInput> extends Scopable<Event> implements Audit<Event> {
  readonly #setup: Setup;
  readonly #queue = new StartupQueue((handle) => this.#recorded(handle));
  /** Pending calls that wait for the start. */
  readonly #calls = new PendingCalls();
  #settings: Settings | undefined;
  #intake: Intake | undefined;
  #pipeline: EventPipeline | undefined;
  #starting: Promise<EventPipeline> | undefined;
  #startError: CountersignError | undefined;
  #failures = 0;
  /** The earliest time of the next automatic attempt. */
  #retryAt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** The time of the event that is being moved to the pipeline. */
  #moment: number | undefined;
  #unfollow: () => void;
  /** True if the program was already kept alive once for the start. */
  #wasIdle = false;
  /** True while the program exits. */
  #isExiting = false;
  /** True if the current context is kept alive until the recorder has started. */
  #isHeld = false;
  #closed = false;
  /** True if it was closed without having started. */
  #isOver = false;

  /** @internal */
  constructor(setup: Setup) {
    super();
    this.#setup = setup;
    const nothing = () => {};
    this.#unfollow = setup.lifecycle.follow({
      hidden: nothing,
      shown: nothing,
      leaving: nothing,
      idle: () => this.#idle(),
      exiting: () => this.#exit(),
    });
    if (typeof setup.settings !== "function") {
      this.#use(setup.settings);
      if (setup.isShared) {
        this.#startSoon();
      }
    }
  }

  /** The origin of the log that the chain names. Undefined before the start, because it is read from the log's key. */
  get origin(): string | undefined {
    const to = this.#settings?.to;
    return this.#pipeline?.origin ?? (to !== undefined && "transport" in to ? to.origin : undefined);
  }

  /** The current chain's name: 32 hex characters. Undefined before the first flush. */
  get chain(): string | undefined {
    return this.#pipeline?.chain;
  }

  /** Number of events that wait for the next flush. */
  get queued(): number {
    return this.#pipeline?.queued ?? this.#queue.length;
  }

  /** @internal Number of events that are undelivered and still deliverable. */
  get waiting(): number {
    return this.#pipeline?.waiting ?? this.#queue.length;
  }

  /** @internal True once events no longer wait for the start. */
  get isStarted(): boolean {
    return this.#pipeline !== undefined;
  }

  /**
   * Resolves with the recorder once it has started: its options are valid, WebAssembly is loaded, and the outbox is
   * open. Rejects with the reason if it can't start, which `onError` also receives. After a temporary failure, another
   * call tries again.
   */
  async ready(): Promise<this> {
    await this.#started();
    return this;
  }

  /**
   * Validates, redacts, and queues an event, with the current time. Missing required fields, unknown fields, wrong
   * types, and values that aren't data are handled according to `onInvalid`: the call throws and queues nothing, or
   * reports the problem and records the rest.
   */
  record(event: Event): Handle;
  /** Records the event with this action and these other fields. */
  record<Action extends ActionOf<Event>>(action: Action, ...fields: FieldsArgument<Event, Action>): Handle;
  /** @internal */
  record(event: Event, onRejected: RejectedListener | undefined): Handle;
  record(first: unknown, second?: unknown): Handle {
    const event = toEvent(first, second) as AuditEvent;
    const onRejected = typeof first === "string" ? undefined : (second as RejectedListener | undefined);
    if (this.#pipeline !== undefined) {
      return this.#pipeline.record(event);
    }
    const input = completed(event, requestScope());
    const intake = this.#intake;
    if (intake !== undefined) {
      return this.#reporting(() =>
        intake.record(input, (json, problems) =>
          this.#wait(json, (pipeline) => pipeline.recordText(json, problems), onRejected),
        ),
      );
    }
    const { json, problems } = frozen(input, this.#reports);
    return this.#wait(json, (pipeline) => pipeline.recordRead(JSON.parse(json), problems), onRejected);
  }

  /**
   * Records any JSON object, given as a string or as UTF-8 bytes. It isn't parsed and serialized again, so numbers keep
   * their precision. Its fields need not be those of {@link AuditEvent}.
   */
  recordJson(json: string | Uint8Array): Handle {
    if (this.#pipeline !== undefined) {
      return this.#pipeline.recordJson(json);
    }
    return this.#reporting(() => {
      const text = textOf(completedText(json, requestScope()));
      this.#settings?.events?.checkJson(text);
      return this.#wait(text, (pipeline) => pipeline.recordJson(text));
    });
  }

  /** @internal Reports a background error. */
  report(error: unknown): void {
    // The failed attempt has already reported this error.
    if (error !== this.#startError) {
      callOnError(this.#settings?.onError ?? this.#setup.onError, asCoded(error));
    }
  }

  /**
   * Resolves when all events recorded before are delivered. Rejects with the reason if they aren't; they stay queued.
   */
  flush(options: FlushOptions = {}): Promise<void> {
    // No `await` here: the program may exit right after the call.
    return this.#pipeline?.flush(options) ?? this.#startedWithin(options, (pipeline, left) => pipeline.flush(left));
  }

  /** Returns a snapshot: waiting events, the last error and proof, and counts of dropped, lost, and redacted items. */
  status(): Status {
    const { length, bytes, dropped } = this.#queue;
    return (
      this.#pipeline?.status() ?? {
        queued: length,
        waiting: length,
        waitingBytes: bytes,
        inFlight: 0,
        chain: undefined,
        lastProof: undefined,
        lastError: this.#startError,
        retryInMs: this.#retry === undefined ? undefined : Math.max(0, this.#retryAt - performance.now()),
        dropped,
        lost: 0,
        redacted: 0,
        repeated: 0,
        dead: [],
      }
    );
  }

  /** Ends the current chain and starts one with another key, for all events recorded from now on. */
  rotate(key: string | KeyHandle | Signer, options: FlushOptions = {}): Promise<void> {
    return (
      this.#pipeline?.rotate(key, options) ??
      this.#startedWithin(options, (pipeline, left) => pipeline.rotate(key, left))
    );
  }

  /**
   * Flushes and ends the chain with a close link, which proves that no later entries were cut off. Afterwards, nothing
   * can be recorded.
   *
   * After a failure, call it again; the outbox is released once all events are delivered. Every call rejects if events
   * of a dead chain were lost that no outbox contains.
   */
  close(options: FlushOptions = {}): Promise<void> {
    return this.#pipeline?.close(options) ?? this.#closeEarly(options);
  }

  /**
   * Closes the recorder at the end of the scope that declared it with `await using`, and retries failed deliveries for
   * up to 5 seconds. Rejects as `close` does.
   *
   * @example
   * ```ts
   * await using audit = createRecorder();
   * audit.record("job.delete", { actor: "u_1", target: ["job", 42] });
   * ```
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ retryForMs: EXIT_TIMEOUT_MS });
  }

  async #closeEarly(options: FlushOptions): Promise<void> {
    retryForMsOf(options);
    this.#closed = true;
    clearTimeout(this.#retry);
    try {
      if (this.#starting !== undefined || !this.#isEmpty) {
        await this.#startedWithin(options, (pipeline, left) => pipeline.close(left));
        return;
      }
    } catch (error) {
      if (this.#pipeline !== undefined || !this.#isEmpty) {
        throw error;
      }
    }
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#unfollow();
  }

  /** True if nothing is lost when the recorder never starts. */
  get #isEmpty(): boolean {
    return this.#queue.length + this.#queue.dropped === 0;
  }

  /** True if problems of events are reported instead of thrown. */
  get #reports(): boolean {
    return this.#settings?.reports ?? !isDevelopment();
  }

  #use(settings: Settings): void {
    this.#settings = settings;
    this.#intake = new Intake(settings);
  }

  /** Waits for the start, or rejects when the program has nothing else to do. */
  async #started(): Promise<EventPipeline> {
    return this.#pipeline ?? this.#calls.until(this.#start());
  }

  /** Waits for the start, then runs work with the remaining retry time. */
  async #startedWithin(
    options: FlushOptions,
    work: (pipeline: EventPipeline, left: FlushOptions) => Promise<void>,
  ): Promise<void> {
    const millis = retryForMsOf(options);
    if (millis === 0) {
      return work(await this.#started(), options);
    }
    const until = performance.now() + millis;
    const pipeline = await within(millis, this.#startedBy(until), () => this.#startError ?? lateStart());
    return work(pipeline, { retryForMs: Math.max(0, until - performance.now()) });
  }

  /** Waits for the start, and retries until this time. */
  async #startedBy(until: number): Promise<EventPipeline> {
    for (;;) {
      try {
        return await this.#started();
      } catch (error) {
        // Options that are read per attempt may never become valid, and their reader may wait for this call.
        if (this.#isRefused || this.#isLazy || performance.now() >= until) {
          throw error;
        }
      }
      await sleep(this.#retryAt - performance.now());
    }
  }

  /** Waits until an event has been moved to the pipeline. */
  async #recorded(handle: Promise<Handle>): Promise<Handle> {
    const moved = async () => {
      await this.#start().catch((error) => {
        if (!this.#mayStart) {
          throw error;
        }
      });
      return handle;
    };
    return this.#calls.until(moved());
  }

  async #start(): Promise<EventPipeline> {
    if (this.#pipeline !== undefined) {
      return this.#pipeline;
    }
    if (this.#isOver) {
      throw closedError();
    }
    if (this.#isRefused) {
      throw this.#startError;
    }
    if (!this.#setup.isShared) {
      return this.#attempt();
    }
    this.#starting ??= this.#attempt().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #attempt(): Promise<EventPipeline> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    try {
      const { settings } = this.#setup;
      if (typeof settings === "function") {
        this.#use(await settings());
      }
      const now = () => this.#moment ?? this.#settings?.now() ?? Date.now();
      const pipeline = await this.#setup.open(this.#settings as Settings, now);
      if (this.#isOver) {
        await pipeline.close();
        throw closedError();
      }
      if (this.#pipeline === undefined) {
        this.#become(pipeline);
      } else {
        pipeline.discard();
      }
    } catch (cause) {
      const error = asCoded(cause);
      if (this.#pipeline === undefined) {
        if (!this.#isOver) {
          this.#failed(error);
        }
        throw error;
      }
    }
    return this.#pipeline as unknown as EventPipeline;
  }

  /** Moves waiting events to the pipeline, which handles everything from now on. */
  #become(pipeline: EventPipeline): void {
    let refusals: unknown[] = [];
    try {
      const at = (time: number) => {
        this.#moment = time;
      };
      // Events keep the scope of their own requests, unaffected by the request in which the recorder starts.
      outsideRequests(() =>
        pipeline.catchUp(() => {
          refusals = this.#queue.moveTo(pipeline, at);
        }),
      );
    } finally {
      this.#moment = undefined;
    }
    const dropped = this.#queue.takeDropped();
    if (dropped !== undefined) {
      const wasSlow = this.#startError === undefined;
      pipeline.drop(dropped, wasSlow ? "too much waited to be delivered" : "the recorder could not be started");
    }
    this.#pipeline = pipeline;
    this.#unfollow();
    for (const error of refusals) {
      this.report(error);
    }
  }

  #failed(error: CountersignError): void {
    if (!this.#setup.required) {
      this.report(error);
    }
    this.#startError = error;
    this.#failures++;
    const wait = pause(this.#settings?.waits ?? UNCONFIGURED_WAITS, this.#failures);
    this.#retryAt = performance.now() + wait;
    if (this.#isRefused) {
      this.#calls.rejectAll(error);
    } else if (this.#setup.isShared && this.#settings?.autoFlush !== undefined && !this.#closed) {
      // Not `#startSoon`: a timer may fire slightly early, and none would follow.
      this.#retry = setTimeout(() => this.#start().catch(() => {}), wait);
      unref(this.#retry);
    }
  }

  /** True if the recorder can never start. */
  get #isRefused(): boolean {
    return !this.#isLazy && this.#startError !== undefined && !RETRIED.has(this.#startError.code);
  }

  /**
   * True if a call may wait for a later attempt to start. If the options are read on each attempt, they may become
   * valid, but no call can wait for that.
   */
  get #mayStart(): boolean {
    if (!this.#isLazy) {
      return !this.#isRefused;
    }
    return this.#retry !== undefined && RETRIED.has(this.#startError?.code ?? "");
  }

  /** True if the options are read on each attempt to start. */
  get #isLazy(): boolean {
    return typeof this.#setup.settings === "function";
  }

  /** Tries to start, unless an attempt failed recently. Failures are reported by the attempt. */
  #startSoon(): void {
    if (performance.now() >= this.#retryAt) {
      this.#start().catch(() => {});
    }
  }

  /** With `onInvalid: "report"`, reports an invalid event and records `countersign.dropped` for it. */
  #reporting(record: () => Handle): Handle {
    try {
      return record();
    } catch (cause) {
      if (!this.#reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      this.report(cause);
      this.#wait("", (pipeline) => {
        pipeline.recordInvalid(cause);
        return invalidHandle(cause);
      });
      return invalidHandle(cause);
    }
  }

  /** Queues an event, given its JSON. */
  #wait(json: string, record: (pipeline: EventPipeline) => Handle, onRejected?: RejectedListener): Handle {
    if (this.#closed) {
      throw closedError();
    }
    const settings = this.#settings;
    const tenants = this.#isLazy || settings?.tenants !== undefined ? severalTenantsIn(json) : undefined;
    const bytes = json.length * (tenants?.length ?? 1);
    const limits =
      settings === undefined
        ? UNCONFIGURED_LIMITS
        : { events: Number.POSITIVE_INFINITY, bytes: settings.maxWaitingBytes };
    const time = settings?.now() ?? Date.now();
    let handle: Handle;
    if (this.#queue.hasRoom(bytes, limits)) {
      const recordIn = (pipeline: EventPipeline) => {
        try {
          return record(pipeline);
        } catch (error) {
          if (!(error instanceof CountersignError) || onRejected === undefined) {
            throw error;
          }
          onRejected(error, pipeline);
          return invalidHandle(error);
        }
      };
      handle = this.#queue.add(bytes, time, recordIn, tenants);
    } else if (settings === undefined ? this.#setup.required : !settings.drops) {
      throw new CountersignError("recorder.full", "too many events wait for the recorder to start", {
        hint: "see the cause, or raise maxWaitingBytes if there is none",
        cause: this.#startError,
      });
    } else {
      this.#queue.drop(time);
      handle = droppedHandle();
    }
    this.#startFor();
    if (this.#isExiting) {
      this.#exit();
    }
    return handle;
  }

  /** Starts the recorder for an event that was just queued. */
  #startFor(): void {
    const flushes = this.#settings?.autoFlush !== undefined;
    if (this.#setup.isShared) {
      this.#startSoon();
    } else if (flushes && !this.#isHeld) {
      this.#isHeld = true;
      queueMicrotask(() => {
        this.#isHeld = false;
      });
      const started = this.#start().then(
        (pipeline) => pipeline.flushSoon(),
        () => {},
      );
      this.#setup.lifecycle.hold?.(started);
    }
  }

  /** Keeps an idle program alive until the recorder has started, within limits. */
  #idle(): void {
    if (this.#wasIdle || this.#isRefused || (this.#isEmpty && !this.#calls.areAny)) {
      this.#calls.rejectAll(this.#lost());
      return;
    }
    this.#wasIdle = true;
    within(EXIT_TIMEOUT_MS, this.#start(), () => lateStart()).catch((error) => {
      this.report(error);
      this.#calls.rejectAll(this.#lost());
    });
  }

  #exit(): void {
    this.#isExiting = true;
    unref(
      setTimeout(() => {
        // The program continues after all.
        this.#isExiting = false;
      }, 0),
    );
    if (!this.#isEmpty) {
      this.report(this.#lost());
      this.#setup.lifecycle.failed?.();
    }
  }

  #lost(): CountersignError {
    const why = this.#startError?.message;
    const hint =
      why === undefined ? "await ready() before recording" : `fix the reason why the recorder could not start: ${why}`;
    const { length, dropped } = this.#queue;
    if (length + dropped > 0) {
      return lostError(length + dropped, false, hint);
    }
    return this.#startError ?? lateStart();
  }
}

function closedError(): CountersignError {
  return new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
}

function lateStart(): CountersignError {
  return new CountersignError("recorder.failed", "the recorder did not start in time", {
    hint: "check whether the outbox hangs",
  });
}

function asCoded(error: unknown): CountersignError {
  const hint = "see the cause; recorded events wait in memory for the next attempt";
  return coded(error, "recorder.failed", `the recorder could not be started: ${error}`, hint);
}
