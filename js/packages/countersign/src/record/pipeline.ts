/**
 * What a recorder does once it has started. Each part calls only those below it:
 *
 *   Pipeline        puts the other parts together
 *   EventQueue      takes events: checks, redacts, drops
 *   AutoFlush       begins flushes by itself; ProgramExit at the end of a program
 *   FlushScheduler  has one flush at a time, and tries again after failures
 *   Linker          owns the chains, and makes links of events
 *   Sender          sends links, and waits after failures
 *
 * The parts below answer with what they return; a flush that began by itself, with {@link FlushEvents}.
 */

import { requestSaid } from "../context/request.js";
import type { Destination } from "../deliver/destination.js";
import { Failure } from "../deliver/failure.js";
import { Sender } from "../deliver/sender.js";
import { CountersignError, type ErrorCode } from "../error.js";
import type { Found, RecorderOutbox } from "../outbox/recorder-outbox.js";
import { type FlushOptions, retryForMsOf, type Status } from "./audit.js";
import { AutoFlush } from "./auto-flush.js";
import type { Chain } from "./chain.js";
import type { Clock } from "./clock.js";
import { ErrorReporter } from "./error-reporter.js";
import type { AuditEvent } from "./event.js";
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

/** The parts of a pipeline. */
export interface Parts {
  origin: string;
  settings: Settings;
  clock: Clock;
  outbox: RecorderOutbox;
  destination: Destination;
  lifecycle: Lifecycle;
  hold: Hold | undefined;
  /** Reads a key, and gives what begins chains under it. */
  begin: (key: string | KeyHandle | Signer) => Promise<() => Chain>;
  chain: () => Chain;
  found: readonly Found[];
}

/** Failures that pass, whose hints say what becomes of the events until then. */
const RETRIED: ReadonlySet<string> = new Set<ErrorCode>([
  "log_server.unreachable",
  "log_server.timeout",
  "log_server.busy",
  "log_server.failed",
  "transport.failed",
]);
/** The most waits of 10 ms for a flush under way before the outbox is handed over. */
const HAND_OVER = 200;

export class Pipeline {
  /** The log that the chain names. */
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
  /** Calls of `flush`, `rotate` and `close` that somebody waits for. */
  readonly #calls = new PendingCalls();
  #isHandedOver = false;
  /** Who has this one's outbox now. */
  #successor: Pipeline | undefined;

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
      hasten: () => this.#autoFlush.hasten(),
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
    this.#events = new EventQueue({ ...shared, clock: parts.clock, losses: this.#losses, autoFlush: this.#autoFlush });
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
        const passes = cause instanceof Failure && RETRIED.has(cause.error.code);
        throw passes ? cause.saying(this.#programExit.fate) : cause;
      });
    const work = {
      flush,
      get retryInMs() {
        return linker.retryInMs;
      },
      get newest() {
        return linker.newest;
      },
      owes: (number: number) => linker.owes(number),
    };
    const pace = {
      auto: settings.autoFlush !== undefined,
      waits: settings.waits,
      hold,
      lifetime: settings.manyContexts ? settings.timeoutMs + 5_000 : undefined,
    };
    return new FlushScheduler(work, pace, {
      failed: (error, isTold) => this.#errors.failed(error, isTold),
      succeeded: () => {
        this.#errors.succeeded();
        this.#programExit.flushed();
      },
      ended: () => this.#autoFlush.flushEnded(),
    });
  }

  /** The chain: 32 characters of hex. There is none before the first flush. */
  get chain(): string | undefined {
    return this.#linker.chain;
  }

  /** The number of events that wait for the next flush. */
  get queued(): number {
    return this.#linker.queued;
  }

  /** The number of events that are not delivered and can be. */
  get waiting(): number {
    return this.#linker.waiting;
  }

  /** Records an event, at this moment. */
  record(event: AuditEvent): Handle {
    return this.recordRead(completed(event, requestSaid()), []);
  }

  /** Records an event that was read before, with what was wrong with it then. */
  recordRead(event: AuditEvent, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordRead(event, problems);
    }
    return this.#events.record(event, problems);
  }

  /** Records the text that `Intake` made of an event, with what was wrong with the event. */
  recordText(json: string, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordText(json, problems);
    }
    return this.#events.recordText(json, problems);
  }

  /** Records any JSON object as text, or as text in UTF-8. */
  recordJson(json: string | Uint8Array): Handle {
    return (this.#successor ?? this.#events).recordJson(json);
  }

  /** Records what came before there was this pipeline. Its room was found then: none of it is refused for want of room. */
  catchUp(work: () => void): void {
    this.#events.catchUp(work);
  }

  /** Counts events that were dropped before there was this pipeline, and has that recorded. */
  drop(dropped: Dropped, reason: LossReason): void {
    this.#events.drop(dropped, reason);
  }

  /** Records that there was an event which was not valid. */
  recordInvalid(error: CountersignError): void {
    this.#events.recordInvalid(error);
  }

  /** Has what is recorded flushed in the context of the call, where each context flushes for itself. */
  flushSoon(): void {
    this.#autoFlush.soon();
  }

  /** Resolves when all that was recorded before is delivered. Rejects with why it is not; what waits is kept. */
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
      // What it held is another's to deliver.
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

  /** Lets go of a pipeline that nothing was recorded into. */
  discard(): void {
    this.#autoFlush.end();
    this.#unfollow();
  }

  /** Gives its outbox to a pipeline that takes its place, with all that it holds. */
  async handOver(): Promise<void> {
    this.#isHandedOver = true;
    this.#errors.mute();
    this.#autoFlush.end();
    this.#linker.stop();
    // A flush under way ends at its next step. What it sends then is in the outbox, and the log takes the same links once.
    for (let tries = 0; this.#scheduler.isRunning && tries < HAND_OVER; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#unfollow();
    await this.#parts.outbox.close();
    for (const one of this.#linker.undelivered) {
      one.fail(handedOver());
    }
  }

  /** Has another do what is still asked of it, by modules that know this one. */
  replaceBy(successor: Pipeline): void {
    this.#successor = successor;
  }

  /** The page is hidden, and may not be shown again. */
  #hurry(): void {
    if (this.#parts.settings.autoFlush !== undefined && this.#linker.owes(this.#linker.newest)) {
      this.flush().catch((error: CountersignError) => this.#errors.report(error));
    }
  }

  /** The last moment of a page: what can be sent without waiting is sent. */
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
    "the module was loaded again, and another recorder delivers the event",
    {
      hint: "this happens in development only; the event is in the outbox",
    },
  );
}
