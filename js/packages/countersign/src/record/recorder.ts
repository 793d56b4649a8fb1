/** The recorder: usable from the moment at which it is created, whether it has started or not. */

import { outsideRequests, requestSaid } from "../context/request.js";
import { CountersignError, coded, type ErrorCode, tell } from "../error.js";
import { pause, sleep, unref, type Waits, within } from "../timers.js";
import { type Audit, type FlushOptions, retryForMsOf, type Status } from "./audit.js";
import { LINK } from "./chain.js";
import type { AuditEvent, EventInput } from "./event.js";
import { droppedHandle, type Handle, invalidHandle } from "./handle.js";
import { frozen, Intake, isDevelopment, textOf } from "./intake.js";
import type { Lifecycle } from "./lifecycle.js";
import { lostError } from "./lost-events.js";
import type { Settings } from "./options.js";
import { PendingCalls } from "./pending-calls.js";
import type { Pipeline } from "./pipeline.js";
import { completed, completedText, Scopable } from "./scope.js";
import type { KeyHandle, Signer } from "./signer.js";
import { type QueueLimits, StartupQueue } from "./startup-queue.js";

export type { FlushOptions, Status } from "./audit.js";

/** @internal The parts of a recorder. */
export interface Setup {
  /** The settings, or what reads them when the recorder starts. */
  readonly settings: Settings | (() => Promise<Settings>);
  /** Told of errors before there are settings. */
  readonly onError: (error: CountersignError) => void;
  /**
   * True if those who need the recorder fail with its start: then they report that, and `record` throws when there is no
   * room.
   */
  readonly required: boolean;
  /** True if all who wait for the start wait for the same attempt: false if the context of an attempt can end before. */
  readonly isShared: boolean;
  readonly lifecycle: Lifecycle;
  /** Loads WebAssembly, reads the key and opens the outbox. `now` is the recorder's clock. */
  open(settings: Settings, now: () => number): Promise<Pipeline>;
}

/** Called with an event that waited for the start and was then refused, and with what can record something in its place. */
export type Otherwise = (error: CountersignError, audit: Pick<Audit, "record">) => void;

/** Milliseconds for which a program that has nothing else to do is kept alive to start its recorder. */
const EXIT_TIMEOUT_MS = 5_000;
/** What may wait while the settings are not known. */
const UNREAD: QueueLimits = { events: 1024, bytes: (1 << 20) + 1024 * LINK };
/** How long to wait between attempts while the settings are not known. */
const UNREAD_WAITS: Waits = { first: 500, longest: 60_000 };
/** Errors that the next attempt may not meet. All others come of options, which stay as they are. */
const RETRIED: ReadonlySet<string> = new Set<ErrorCode>([
  "outbox.in_use",
  "outbox.full",
  "outbox.failed",
  "wasm.unavailable",
  "recorder.failed",
]);

/**
 * Records events into one chain; those of a catalog, if it has one. It starts by itself, and events that are recorded
 * before it has started wait in memory, in order and with their time. An event that only the start shows to be invalid
 * is reported to `onError`, its handle rejects, and `countersign.dropped` is recorded in its place.
 */
export class Recorder<Event = EventInput> extends Scopable<Event> implements Audit<Event> {
  readonly #setup: Setup;
  readonly #queue = new StartupQueue((handle) => this.#recorded(handle));
  /** Calls that wait for the start. */
  readonly #calls = new PendingCalls();
  #settings: Settings | undefined;
  #intake: Intake | undefined;
  #pipeline: Pipeline | undefined;
  #starting: Promise<Pipeline> | undefined;
  #startError: CountersignError | undefined;
  #failures = 0;
  /** No attempt is made by itself before this moment. */
  #retryAt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** The moment at which the event that is moved to the pipeline was recorded. */
  #moment: number | undefined;
  #unfollow: () => void;
  /** True if the program was kept alive once for the recorder to start. */
  #wasIdle = false;
  /** True while the program ends. */
  #isExiting = false;
  /** True if the present context is held until the recorder has started. */
  #isHeld = false;
  #closed = false;
  /** True once it was closed without having started. */
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

  /** The log that the chain names. It is in the log's key, which is read when the recorder starts. */
  get origin(): string | undefined {
    const to = this.#settings?.to;
    return this.#pipeline?.origin ?? (to !== undefined && "transport" in to ? to.origin : undefined);
  }

  /** The chain: 32 characters of hex. There is none before the first flush. */
  get chain(): string | undefined {
    return this.#pipeline?.chain;
  }

  /** The number of events that wait for the next flush. */
  get queued(): number {
    return this.#pipeline?.queued ?? this.#queue.length;
  }

  /** @internal The number of events that are not delivered and can be. */
  get waiting(): number {
    return this.#pipeline?.waiting ?? this.#queue.length;
  }

  /** @internal True once events no longer wait for the start. */
  get isStarted(): boolean {
    return this.#pipeline !== undefined;
  }

  /**
   * Resolves with the recorder when it has started: its options are right, WebAssembly is loaded and the outbox is open.
   * Rejects with why it could not start, which `onError` is told too. Another call tries again, if
   * the failure may pass.
   */
  async ready(): Promise<this> {
    await this.#started();
    return this;
  }

  /**
   * Takes an event, at this moment: checks it, redacts it and queues it. If it lacks a required field, has one that
   * events don't have or of a wrong type, or holds what is no data, the option `onInvalid` says what happens: it throws and
   * queues nothing, or reports it and records the rest.
   */
  record(event: Event): Handle;
  /** @internal */
  record(event: Event, otherwise: Otherwise | undefined): Handle;
  record(event: Event, otherwise?: Otherwise): Handle {
    if (this.#pipeline !== undefined) {
      return this.#pipeline.record(event as AuditEvent);
    }
    const given = completed(event as AuditEvent, requestSaid());
    const intake = this.#intake;
    if (intake !== undefined) {
      return this.#taking(() =>
        intake.record(given, (json, problems) =>
          this.#wait(json.length, (pipeline) => pipeline.recordText(json, problems), otherwise),
        ),
      );
    }
    const { json, problems } = frozen(given, this.#reports);
    return this.#wait(json.length, (pipeline) => pipeline.recordRead(JSON.parse(json), problems), otherwise);
  }

  /**
   * Takes any JSON object as text, or as text in UTF-8. Nothing parses it on the way, so no number is rounded. Its
   * members need not be those of {@link AuditEvent}.
   */
  recordJson(json: string | Uint8Array): Handle {
    if (this.#pipeline !== undefined) {
      return this.#pipeline.recordJson(json);
    }
    return this.#taking(() => {
      const text = textOf(completedText(json, requestSaid()));
      this.#settings?.events?.checkJson(text);
      return this.#wait(text.length, (pipeline) => pipeline.recordJson(text));
    });
  }

  /** @internal Reports an error that nobody waits for. */
  report(error: unknown): void {
    // The attempt that failed with it has reported it.
    if (error !== this.#startError) {
      tell(this.#settings?.onError ?? this.#setup.onError, asCoded(error));
    }
  }

  /** Resolves when all that was recorded before is delivered. Rejects with why it is not; what waits is kept. */
  flush(options: FlushOptions = {}): Promise<void> {
    // Without a wait in between: the program may end with the call.
    return this.#pipeline?.flush(options) ?? this.#startedWithin(options, (pipeline, left) => pipeline.flush(left));
  }

  /** What waits and why, which proof is the newest, and what was dropped, redacted or cannot go on. */
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
        dead: [],
      }
    );
  }

  /** Ends the chain, and begins one under another key: what is recorded from now on is in that. */
  rotate(key: string | KeyHandle | Signer, options: FlushOptions = {}): Promise<void> {
    return (
      this.#pipeline?.rotate(key, options) ??
      this.#startedWithin(options, (pipeline, left) => pipeline.rotate(key, left))
    );
  }

  /**
   * Flushes and ends the chain: a close link says that nothing after it was cut off. Nothing can be recorded after.
   * After a failure call it again; the outbox is let go of when all is delivered. It rejects each time where events of
   * a dead chain are lost, which no outbox has.
   */
  close(options: FlushOptions = {}): Promise<void> {
    return this.#pipeline?.close(options) ?? this.#closeEarly(options);
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

  /** True if what is wrong with an event is reported; otherwise it is thrown. */
  get #reports(): boolean {
    return this.#settings?.reports ?? !isDevelopment();
  }

  #use(settings: Settings): void {
    this.#settings = settings;
    this.#intake = new Intake(settings);
  }

  /** Waits for the start. The answer comes at the latest when the program has nothing else to do. */
  async #started(): Promise<Pipeline> {
    return this.#pipeline ?? this.#calls.until(this.#start());
  }

  /** Waits for the start, and then does work with what is left of the time for retries. */
  async #startedWithin(
    options: FlushOptions,
    work: (pipeline: Pipeline, left: FlushOptions) => Promise<void>,
  ): Promise<void> {
    const millis = retryForMsOf(options);
    if (millis === 0) {
      return work(await this.#started(), options);
    }
    const until = performance.now() + millis;
    const pipeline = await within(millis, this.#startedBy(until), () => this.#startError ?? lateStart());
    return work(pipeline, { retryForMs: Math.max(0, until - performance.now()) });
  }

  /** Waits for the start, and tries again until that moment if it fails. */
  async #startedBy(until: number): Promise<Pipeline> {
    for (;;) {
      try {
        return await this.#started();
      } catch (error) {
        // Options that are read each time may never be right, and what reads them waits for this.
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
        // What can be tried again may succeed yet.
        if (this.#isRefused) {
          throw error;
        }
      });
      return handle;
    };
    return this.#calls.until(moved());
  }

  async #start(): Promise<Pipeline> {
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

  async #attempt(): Promise<Pipeline> {
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
    return this.#pipeline as unknown as Pipeline;
  }

  /** Moves what waits to the pipeline, which does all from now on. */
  #become(pipeline: Pipeline): void {
    let refusals: unknown[] = [];
    try {
      const at = (time: number) => {
        this.#moment = time;
      };
      // Each event has what its own request says, and nothing of the one in which the recorder starts.
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
    const wait = pause(this.#settings?.waits ?? UNREAD_WAITS, this.#failures);
    this.#retryAt = performance.now() + wait;
    if (this.#isRefused) {
      this.#calls.rejectAll(error);
    } else if (this.#setup.isShared && this.#settings?.autoFlush !== undefined && !this.#closed) {
      this.#retry = setTimeout(() => this.#startSoon(), wait);
      unref(this.#retry);
    }
  }

  /** True if the recorder can never start. */
  get #isRefused(): boolean {
    return !this.#isLazy && this.#startError !== undefined && !RETRIED.has(this.#startError.code);
  }

  /** True if the options are read in each attempt to start. */
  get #isLazy(): boolean {
    return typeof this.#setup.settings === "function";
  }

  /** Tries to start, unless that failed a moment ago. Failures are reported where they happen. */
  #startSoon(): void {
    if (performance.now() >= this.#retryAt) {
      this.#start().catch(() => {});
    }
  }

  /** Reports an invalid event, if that was chosen, and has it recorded as such. */
  #taking(take: () => Handle): Handle {
    try {
      return take();
    } catch (cause) {
      if (!this.#reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      this.report(cause);
      this.#wait(0, (pipeline) => {
        pipeline.recordInvalid(cause);
        return invalidHandle(cause);
      });
      return invalidHandle(cause);
    }
  }

  /** Queues an event of so many bytes. */
  #wait(bytes: number, record: (pipeline: Pipeline) => Handle, otherwise?: Otherwise): Handle {
    if (this.#closed) {
      throw closedError();
    }
    const settings = this.#settings;
    const limits =
      settings === undefined ? UNREAD : { events: Number.POSITIVE_INFINITY, bytes: settings.maxWaitingBytes };
    const time = settings?.now() ?? Date.now();
    let handle: Handle;
    if (this.#queue.hasRoom(bytes, limits)) {
      handle = this.#queue.add(bytes, time, (pipeline) => {
        try {
          return record(pipeline);
        } catch (error) {
          if (!(error instanceof CountersignError) || otherwise === undefined) {
            throw error;
          }
          otherwise(error, pipeline);
          return invalidHandle(error);
        }
      });
    } else if (settings === undefined ? this.#setup.required : !settings.drops) {
      throw new CountersignError("recorder.full", "too many events wait for the recorder to start", {
        hint: "if it could not be started, the cause says why; otherwise raise maxWaitingBytes",
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

  /** Sees to it that what was recorded now gets a pipeline. */
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

  /** Keeps the program alive until the recorder has started, or for as long as that may take. */
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
        // The program goes on after all.
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
      why === undefined ? "it was still starting: await ready()" : `the recorder could not be started: ${why}`;
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
    hint: "does the outbox hang?",
  });
}

function asCoded(error: unknown): CountersignError {
  const hint = "see the cause; what was recorded waits in memory for the next try";
  return coded(error, "recorder.failed", `the recorder could not be started: ${error}`, hint);
}
