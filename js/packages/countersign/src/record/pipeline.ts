/**
 * The inner parts of a started recorder. Each part calls only those below it:
 *
 *   Pipeline        wires the other parts
 *   EventQueue      accepts events: checks, redacts, drops
 *   AutoFlush       starts automatic flushes; ProgramExit starts one at the end of a program
 *   FlushScheduler  runs one flush at a time and retries after failures
 *   Linker          owns the chains and turns events into links
 *   Sender          sends links and waits after failures
 *
 * Lower parts report through return values; automatic flushes report through {@link FlushEvents}.
 */

import { requestScope } from "../context/request.js";
import type { Destination } from "../deliver/destination.js";
import { Failure } from "../deliver/failure.js";
import { Sender } from "../deliver/sender.js";
import { CountersignError, type ErrorCode } from "../error.js";
import type { RecorderOutbox, RestoredItem } from "../outbox/recorder-outbox.js";
import { type FlushOptions, retryForMsOf, type Status } from "./audit.js";
import { AutoFlush } from "./auto-flush.js";
import type { Chain } from "./chain.js";
import type { Clock } from "./clock.js";
import { ErrorReporter } from "./error-reporter.js";
import type { AuditEvent } from "./event.js";
import type { ReplaceablePipeline } from "./event-pipeline.js";
import { EventQueue } from "./event-queue.js";
import { FlushScheduler, type FlushTurn } from "./flush-scheduler.js";
import type { Handle } from "./handle.js";
import type { EventProblem } from "./intake.js";
import type { Hold, Lifecycle } from "./lifecycle.js";
import { Linker } from "./linker.js";
import { type Dropped, type LossReason, LostEvents } from "./lost-events.js";
import type { Settings } from "./options.js";
import { PendingCalls } from "./pending-calls.js";
import { ProgramExit } from "./program-exit.js";
import { completed } from "./scope.js";
import type { KeyHandle, Signer } from "./signer.js";

/** The parts and settings of a pipeline. */
export interface Parts {
  origin: string;
  settings: Settings;
  clock: Clock;
  outbox: RecorderOutbox;
  destination: Destination;
  lifecycle: Lifecycle;
  hold: Hold | undefined;
  /** Reads a key and returns a function that starts chains with it. */
  begin: (key: string | KeyHandle | Signer) => Promise<() => Chain>;
  chain: () => Chain;
  found: readonly RestoredItem[];
  /** Called when nothing more may be sent to the log. */
  stopped?: ((error: CountersignError) => void) | undefined;
}

/** Temporary failures, whose hints say what happens to the events until the retry succeeds. */
const RETRIED: ReadonlySet<string> = new Set<ErrorCode>([
  "log_server.unreachable",
  "log_server.timeout",
  "log_server.busy",
  "log_server.failed",
  "transport.failed",
]);
/** Maximum number of waits of 10 ms for a running flush before the outbox is handed over. */
const MAX_HAND_OVER_WAITS = 200;

export class Pipeline implements ReplaceablePipeline {
  /** The origin that the chain names. */
  readonly origin: string;

  readonly #parts: Parts;
  readonly #errors: ErrorReporter;
  readonly #losses: LostEvents;
  readonly #sender: Sender;
  readonly #linker: Linker;
  readonly #scheduler: FlushScheduler;
  readonly #programExit: ProgramExit;
  readonly #autoFlush: AutoFlush;
  readonly #events: EventQueue;
  readonly #unfollow: () => void;
  /** Pending calls of `flush`, `rotate`, and `close`. */
  readonly #calls = new PendingCalls();
  #isHandedOver = false;
  /** The pipeline that owns this one's outbox after a hand-over. */
  #successor: ReplaceablePipeline | undefined;

  constructor(parts: Parts) {
    const { origin, settings, outbox, lifecycle, found } = parts;
    this.#parts = parts;
    this.origin = origin;
    this.#errors = new ErrorReporter(settings.onError);
    this.#losses = new LostEvents((error) => this.#errors.report(error));
    this.#sender = new Sender(parts.destination, outbox, {
      timeout: settings.timeoutMs,
      waits: settings.waits,
      leaving: () => lifecycle.isLeaving(),
    });
    this.#linker = new Linker({
      clock: parts.clock,
      outbox,
      sender: this.#sender,
      losses: this.#losses,
      errors: this.#errors,
      maxWaitingBytes: settings.maxWaitingBytes,
      batchBytes: () => lifecycle.batchBytes,
      begin: parts.chain,
      deliverSoon: () => this.#autoFlush.deliverSoon(),
    });
    this.#linker.restore(found);
    this.#scheduler = this.#schedule();
    this.#programExit = new ProgramExit({
      linker: this.#linker,
      outbox,
      losses: this.#losses,
      errors: this.#errors,
      calls: this.#calls,
      lifecycle,
      flush: settings.autoFlush && ((patience) => this.#flush(patience)),
      isFlushing: () => this.#scheduler.isRunning,
    });
    const shared = { settings, linker: this.#linker, errors: this.#errors, programExit: this.#programExit };
    this.#autoFlush = new AutoFlush({ ...shared, hold: parts.hold, outbox, scheduler: this.#scheduler });
    this.#events = new EventQueue({
      ...shared,
      clock: parts.clock,
      losses: this.#losses,
      autoFlush: this.#autoFlush,
      outbox,
      flush: () => this.flush(),
    });
    this.#unfollow = lifecycle.follow({
      hidden: () => this.#hurry(),
      shown: () => this.#autoFlush.adopt(),
      leaving: () => this.#leave(),
      idle: () => this.#programExit.idle(),
      exiting: () => this.#programExit.exit(),
    });
    if (found.length > 0) {
      this.#autoFlush.soon();
    }
  }

  #schedule(): FlushScheduler {
    const { settings, hold } = this.#parts;
    const linker = this.#linker;
    const flush = (turn: FlushTurn) =>
      linker.flush(turn).catch((cause) => {
        if (cause instanceof Failure && cause.scope === "stopped") {
          this.stop(cause.error);
          this.#parts.stopped?.(cause.error);
          throw new Failure("dead", cause.error);
        }
        const isTemporary = cause instanceof Failure && RETRIED.has(cause.error.code);
        throw isTemporary ? cause.withFate(this.#programExit.fate) : cause;
      });
    const work = {
      flush,
      get retryInMs() {
        return linker.retryInMs;
      },
      get newest() {
        return linker.newest;
      },
      hasUndelivered: (number: number) => linker.hasUndelivered(number),
    };
    const pace = {
      auto: settings.autoFlush !== undefined,
      waits: settings.waits,
      hold,
      lifetime: settings.manyContexts ? settings.timeoutMs + 5_000 : undefined,
    };
    return new FlushScheduler(work, pace, {
      failed: (error, isHandled) => this.#errors.failed(error, isHandled),
      succeeded: () => {
        this.#errors.succeeded();
        this.#programExit.flushed();
      },
      ended: () => this.#autoFlush.flushEnded(),
    });
  }

  /** The current chain's name: 32 hex characters. Undefined before the first flush. */
  get chain(): string | undefined {
    return this.#linker.chain;
  }

  get queued(): number {
    return this.#linker.queued;
  }

  /** The number of events that are undelivered and still deliverable. */
  get waiting(): number {
    return this.#linker.waiting;
  }

  /** Total bytes waiting, including an estimate for links not made yet. */
  get heldBytes(): number {
    return this.#linker.heldBytes;
  }

  /** True if all events are delivered, or given up. */
  get isDelivered(): boolean {
    return !this.#linker.hasUndelivered(this.#linker.newest);
  }

  /** Records an event with the current time. */
  record(event: AuditEvent): Handle {
    return this.recordRead(completed(event, requestScope()), []);
  }

  /** Records an event that was already read, with the problems found at that time. */
  recordRead(event: AuditEvent, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordRead(event, problems);
    }
    return this.#events.record(event, problems);
  }

  /** Records text that `Intake` made of an event, with the event's problems. */
  recordText(json: string, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordText(json, problems);
    }
    return this.#events.recordText(json, problems);
  }

  /** Records any JSON object, given as a string or as UTF-8 bytes. */
  recordJson(json: string | Uint8Array): Handle {
    return (this.#successor ?? this.#events).recordJson(json);
  }

  /**
   * Records events from before the pipeline existed. They were already counted against the limit, which is
   * therefore not applied again.
   */
  catchUp(work: () => void): void {
    this.#events.catchUp(work);
  }

  /** Counts events that were dropped before the pipeline existed; `countersign.dropped` will record the count. */
  drop(dropped: Dropped, reason: LossReason): void {
    this.#events.drop(dropped, reason);
  }

  /** Records that an invalid event was passed to `record`. */
  recordInvalid(error: CountersignError): void {
    this.#events.recordInvalid(error);
  }

  /** Queues items that an ended recorder left in the outbox. */
  restore(found: readonly RestoredItem[]): void {
    this.#linker.restore(found);
    this.#autoFlush.soon();
  }

  /** Ends the chain for good. Unlike after `close`, failed deliveries are retried automatically. */
  retire(): void {
    this.#linker.close();
    this.#autoFlush.soon();
  }

  /** Gives up everything undelivered, because nothing more may be sent to the log. */
  stop(error: CountersignError): void {
    this.#autoFlush.end();
    this.#linker.giveUp(error);
  }

  /** The reason why events were lost that no outbox contains. */
  get lost(): CountersignError | undefined {
    return this.#linker.lost;
  }

  /** Schedules a flush in the calling context, if each context flushes separately. */
  flushSoon(): void {
    this.#autoFlush.soon();
  }

  /**
   * Resolves when all events recorded before are delivered. Rejects with the reason if they aren't; they stay queued.
   */
  async flush(options: FlushOptions = {}): Promise<void> {
    if (this.#successor !== undefined) {
      return this.#successor.flush(options);
    }
    return this.#calls.until(this.#flush(retryForMsOf(options)));
  }

  #flush(patience: number): Promise<void> {
    return this.#scheduler.flush(this.#linker.newest, patience);
  }

  status(): Status {
    if (this.#successor !== undefined) {
      return this.#successor.status();
    }
    const linker = this.#linker;
    return {
      queued: linker.queued,
      waiting: linker.waiting,
      waitingBytes: linker.waitingBytes,
      inFlight: this.#sender.inFlight,
      chain: linker.chain,
      lastProof: this.#sender.last,
      lastError: this.#errors.last,
      retryInMs: this.#scheduler.retryInMs,
      dropped: this.#losses.dropped,
      lost: this.#losses.lost,
      redacted: this.#events.redacted,
      repeated: this.#events.repeated,
      dead: Array.from(linker.dead, ([chain, error]) => ({ chain, error })),
    };
  }

  async rotate(key: string | KeyHandle | Signer, options: FlushOptions = {}): Promise<void> {
    retryForMsOf(options);
    const begin = await this.#parts.begin(key);
    this.#linker.refuseClosed();
    this.#linker.rotate(begin);
    return this.flush(options);
  }

  async close(options: FlushOptions = {}): Promise<void> {
    retryForMsOf(options);
    if (this.#isHandedOver) {
      // The successor delivers its events.
      return;
    }
    if (!this.#linker.isClosed) {
      this.#autoFlush.end();
      this.#linker.close();
    }
    await this.flush(options);
    await this.#calls.until(this.#letGo());
    this.#unfollow();
    if (this.#linker.lost !== undefined) {
      throw this.#linker.lost;
    }
  }

  async #letGo(): Promise<void> {
    await this.#parts.outbox.close();
    await this.#parts.destination.close?.();
  }

  /** Discards a pipeline that no event was recorded into. */
  discard(): void {
    this.#autoFlush.end();
    this.#unfollow();
  }

  /** Releases the outbox with all its entries for a pipeline that takes this one's place. */
  async handOver(): Promise<void> {
    this.#isHandedOver = true;
    this.#errors.mute();
    this.#autoFlush.end();
    this.#linker.stop();
    // A running flush ends at its next step. Links that it still sends are also in the outbox, and the log accepts each
    // only once.
    for (let tries = 0; this.#scheduler.isRunning && tries < MAX_HAND_OVER_WAITS; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#unfollow();
    await this.#parts.outbox.close();
    for (const one of this.#linker.undelivered) {
      one.fail(handedOver());
    }
  }

  /** Forwards later calls, from modules that still hold this pipeline, to its successor. */
  replaceBy(successor: ReplaceablePipeline): void {
    this.#successor = successor;
  }

  /** Flushes immediately, because the page is hidden and may not be shown again. */
  #hurry(): void {
    if (this.#parts.settings.autoFlush !== undefined && this.#linker.hasUndelivered(this.#linker.newest)) {
      this.flush().catch((error: CountersignError) => this.#errors.report(error));
    }
  }

  /** Sends as much as possible synchronously, as the page is being unloaded. */
  #leave(): void {
    this.#linker.keep();
    if (this.#parts.settings.autoFlush !== undefined) {
      this.#linker.leave();
    }
  }
}

function handedOver(): CountersignError {
  return new CountersignError(
    "recorder.out_of_turn",
    "another recorder delivers the event because the module was reloaded",
    {
      hint: "ignore this in development, where modules reload; the event is in the outbox",
    },
  );
}
