/**
 * What a recorder does once it has started. Each part calls only those below it:
 *
 *   Pipeline        takes events, and puts the other parts together
 *   FlushScheduler  says when all that waits is delivered, and who waits for that
 *   Linker          owns the chains, and makes links of events
 *   Sender          sends links, and waits after failures
 *
 * What the parts below have to tell comes back as results, or as {@link FlushEvents}.
 */

import { requestSaid } from "../context/request.js";
import type { Destination } from "../deliver/destination.js";
import { Failure } from "../deliver/failure.js";
import { Sender } from "../deliver/sender.js";
import { CountersignError, type ErrorCode } from "../error.js";
import type { Found, RecorderOutbox } from "../outbox/recorder-outbox.js";
import { unref } from "../timers.js";
import { type FlushPatience, millisOf, type Status } from "./audit.js";
import { type Chain, LINK } from "./chain.js";
import type { Clock } from "./clock.js";
import { ErrorReporter } from "./error-reporter.js";
import type { AuditEvent } from "./event.js";
import { FlushScheduler, type FlushTurn } from "./flush-scheduler.js";
import { droppedHandle, type Handle, invalidHandle } from "./handle.js";
import { type EventProblem, Intake, textOf } from "./intake.js";
import type { Hold, Lifecycle } from "./lifecycle.js";
import { Linker, ORPHANS_PERIOD_MS } from "./linker.js";
import { type Dropped, invalidEvent, type LossReason, LostEvents } from "./lost-events.js";
import type { Settings } from "./options.js";
import { PendingCalls } from "./pending-calls.js";
import { ProgramExit } from "./program-exit.js";
import { completed, completedText } from "./scope.js";
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
  "collector.unreachable",
  "collector.timeout",
  "collector.busy",
  "collector.failed",
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
  readonly #intake: Intake;
  readonly #sender: Sender;
  readonly #linker: Linker;
  readonly #scheduler: FlushScheduler;
  readonly #programExit: ProgramExit;
  readonly #unfollow: () => void;
  /** Calls of `flush`, `rotate` and `close` that somebody waits for. */
  readonly #calls = new PendingCalls();
  #redacted = 0;
  /** True if somebody asked for a delivery that the flush under way may not include. */
  #isHastened = false;
  #isHandedOver = false;
  /** True while it takes events for which the recorder found room before it had started. */
  #isCatchingUp = false;
  /** Who has this one's outbox now. */
  #successor: Pipeline | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;

  constructor(parts: Parts) {
    const { origin, settings, outbox, lifecycle, found } = parts;
    this.#parts = parts;
    this.origin = origin;
    this.#errors = new ErrorReporter(settings.onError);
    this.#losses = new LostEvents((error) => this.#errors.report(error));
    this.#intake = new Intake(settings);
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
      limitBytes: settings.limitBytes,
      batchBytes: () => lifecycle.batchBytes,
      begin: parts.chain,
      hasten: () => this.#hasten(),
    });
    this.#scheduler = this.#schedule();
    this.#programExit = new ProgramExit({
      linker: this.#linker,
      outbox,
      losses: this.#losses,
      errors: this.#errors,
      calls: this.#calls,
      lifecycle,
      flush: settings.flush && ((patience) => this.#flush(patience)),
      isFlushing: () => this.#scheduler.isRunning,
    });
    this.#linker.restore(found);
    this.#unfollow = lifecycle.follow({
      hidden: () => this.#hurry(0),
      shown: () => this.#look(),
      leaving: () => this.#leave(),
      idle: () => this.#programExit.idle(),
      exiting: () => this.#programExit.exit(),
    });
    if (found.length > 0) {
      this.#soon();
    }
    if (this.#looksAround) {
      this.#looking = setInterval(() => this.#look(), ORPHANS_PERIOD_MS);
      unref(this.#looking);
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
      get retryIn() {
        return linker.retryIn;
      },
      get newest() {
        return linker.newest;
      },
      owes: (number: number) => linker.owes(number),
    };
    const pace = {
      auto: settings.flush !== undefined,
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
      ended: () => {
        const isHastened = this.#isHastened;
        this.#isHastened = false;
        if (hold === undefined && linker.owesNow(linker.newest)) {
          this.#soon(isHastened);
        }
      },
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
    return this.#taking(() => this.#intake.record(event, (json) => this.#take(json, true), problems));
  }

  /** Records the text that `Intake` made of an event, with what was wrong with the event. */
  recordText(json: string, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordText(json, problems);
    }
    return this.#taking(() => this.#intake.recordText(json, problems, (text) => this.#take(text, true)));
  }

  /** Records any JSON object as text, or as text in UTF-8. */
  recordJson(json: string | Uint8Array): Handle {
    return this.#taking(() => {
      const text = textOf(completedText(json, requestSaid()));
      if (this.#successor !== undefined) {
        return this.#successor.recordJson(text);
      }
      this.#parts.settings.events?.checkJson(text);
      return this.#take(text, false);
    });
  }

  /** Records what came before there was this pipeline. Its room was found then: none of it is refused for want of room. */
  catchUp(work: () => void): void {
    this.#isCatchingUp = true;
    try {
      work();
    } finally {
      this.#isCatchingUp = false;
    }
  }

  /** Counts events that were dropped before there was this pipeline, and has that recorded. */
  drop(dropped: Dropped, reason: LossReason): void {
    this.#losses.drop(dropped, reason);
    this.#soon();
  }

  /** Records that there was an event which was not valid. */
  recordInvalid(error: CountersignError): void {
    this.#losses.lost++;
    this.#take(invalidEvent(error), true);
  }

  /** Has what is recorded flushed in the context of the call, where each context flushes for itself. */
  flushSoon(): void {
    this.#soon();
  }

  /** Resolves when all that was recorded before is delivered. Rejects with why it is not; what waits is kept. */
  async flush(patience: FlushPatience = {}): Promise<void> {
    if (this.#successor !== undefined) {
      return this.#successor.flush(patience);
    }
    return this.#calls.until(this.#flush(millisOf(patience)));
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
      retryIn: this.#scheduler.retryIn,
      dropped: this.#losses.dropped,
      lost: this.#losses.lost,
      redacted: this.#redacted,
      dead: Array.from(linker.dead, ([chain, error]) => ({ chain, error })),
    };
  }

  async rotate(key: string | KeyHandle | Signer, patience: FlushPatience = {}): Promise<void> {
    millisOf(patience);
    const begin = await this.#parts.begin(key);
    this.#refuseClosed();
    this.#linker.rotate(begin);
    return this.flush(patience);
  }

  async close(patience: FlushPatience = {}): Promise<void> {
    millisOf(patience);
    if (this.#isHandedOver) {
      // What it held is another's to deliver.
      return;
    }
    if (!this.#linker.isClosed) {
      this.#end();
      this.#linker.close();
    }
    await this.flush(patience);
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
    this.#end();
    this.#unfollow();
  }

  /** Has nothing begin by itself any more. */
  #end(): void {
    this.#scheduler.end();
    clearInterval(this.#looking);
  }

  /** Gives its outbox to a pipeline that takes its place, with all that it holds. */
  async handOver(): Promise<void> {
    this.#isHandedOver = true;
    this.#errors.mute();
    this.#end();
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

  #refuseClosed(): void {
    if (this.#linker.isClosed) {
      throw new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
    }
  }

  /** Takes an event; what is none is reported where that was chosen, and recorded as such. */
  #taking(take: () => Handle): Handle {
    try {
      return take();
    } catch (cause) {
      if (!this.#parts.settings.reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      this.#errors.report(cause);
      this.recordInvalid(cause);
      return invalidHandle(cause);
    }
  }

  #take(json: string, typed: boolean): Handle {
    this.#refuseClosed();
    // Its UTF-8 is no shorter than this; how long it is is known when it is in the chain.
    if (!this.#isCatchingUp && this.#linker.heldBytes + json.length + LINK > this.#parts.settings.limitBytes) {
      return this.#full();
    }
    const taken = this.#linker.record(json, typed);
    this.#redacted += taken.redacted;
    this.#soon();
    this.#programExit.recorded();
    return taken;
  }

  #full(): Handle {
    if (!this.#parts.settings.drops) {
      throw new CountersignError("recorder.full", "too much waits to be handed on", {
        hint: "flush more often, find out why flushes fail, or raise limitBytes",
      });
    }
    const now = this.#parts.clock.now();
    this.#losses.drop({ count: 1, since: now, until: now });
    this.#programExit.recorded();
    return droppedHandle();
  }

  #soon(isHastened = false): void {
    const { settings, hold } = this.#parts;
    const { flush } = settings;
    if (flush === undefined || (this.#scheduler.isRunning && hold === undefined)) {
      return;
    }
    if (isHastened || this.#programExit.isHurried) {
      this.#scheduler.soon(0, true);
      return;
    }
    this.#scheduler.soon(this.#linker.hasMuch(flush.events, flush.bytes) ? 0 : flush.ms);
  }

  /** Someone waits for an event's delivery. */
  #hasten(): void {
    if (this.#parts.settings.flush !== undefined) {
      this.#isHastened = this.#scheduler.isRunning;
      this.#scheduler.soon(0, true);
    }
  }

  /** Whether it is looked by itself what others left: nobody may record here who would have it flushed. */
  get #looksAround(): boolean {
    const { outbox, settings } = this.#parts;
    return outbox.hasOrphans && settings.flush !== undefined && !settings.manyContexts;
  }

  #look(): void {
    if (!this.#looksAround) {
      return;
    }
    const soon = () => {
      if (this.#linker.owes(this.#linker.newest)) {
        this.#soon();
      }
    };
    this.#linker.adopt(0).then(soon, (error: CountersignError) => this.#errors.failed(error));
  }

  #hurry(patience: number): void {
    if (this.#parts.settings.flush !== undefined && this.#linker.owes(this.#linker.newest)) {
      this.flush({ patience }).catch((error: CountersignError) => this.#errors.report(error));
    }
  }

  /** The last moment of a page: what can be sent without waiting is sent. */
  #leave(): void {
    this.#linker.keep();
    if (this.#parts.settings.flush !== undefined) {
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
