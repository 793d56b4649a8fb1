/** Links events into chains and delivers them: what a recorder does once it has started. */

import { requestSaid } from "../context/request.js";
import { type Batch, eventsOf } from "../deliver/batch.js";
import { Delivery } from "../deliver/delivery.js";
import type { Destination } from "../deliver/destination.js";
import { Failure } from "../deliver/failure.js";
import { CountersignError, type ErrorCode, mustBePatience, tell } from "../error.js";
import { ownOptions } from "../known.js";
import type { Found, RecorderOutbox } from "../outbox/recorder-outbox.js";
import { unref } from "../timers.js";
import type { FlushPatience, Status } from "./audit.js";
import { type Chain, LINK } from "./chain.js";
import { type Clock, type Learnt, SET } from "./clock.js";
import type { AuditEvent } from "./event.js";
import { ExitPatience } from "./exit-patience.js";
import { Flushing } from "./flushing.js";
import { countOf, droppedHandle, type Handle, invalidHandle, Taken } from "./handle.js";
import { type EventProblem, Intake } from "./intake.js";
import type { Hold, Lifecycle } from "./lifecycle.js";
import { type Dropped, type LossReason, LostEvents, lostError } from "./lost-events.js";
import type { Settings } from "./options.js";
import { PendingCalls } from "./pending-calls.js";
import { completed, completedText } from "./scope.js";
import { invalid, toJson } from "./serialize.js";
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

/** Bytes of links that are made before some are sent. */
const LINKED = 1 << 20;
/** Failures that pass, whose hints say what becomes of the events until then. */
const RETRIED: ReadonlySet<string> = new Set<ErrorCode>([
  "collector.unreachable",
  "collector.timeout",
  "collector.busy",
  "collector.failed",
  "transport.failed",
]);
/** Milliseconds that a clock may go back before a new chain begins. */
const BACK = 300_000;
/** The most waits of 10 ms for a flush under way before the outbox is handed over. */
const HAND_OVER = 200;
/** Milliseconds between looks for what ended recorders left in the outbox. */
const ORPHANS = 15_000;

export class Pipeline {
  /** The log that the chain names. */
  readonly origin: string;

  readonly #parts: Parts;
  readonly #delivery: Delivery;
  readonly #flushing: Flushing;
  readonly #unfollow: () => void;
  readonly #intake: Intake;
  #chain: Chain;
  /** Chains that are to be closed. */
  #ending: Chain[] = [];
  /** Begins a chain with the key in use. */
  #anew: () => Chain;
  #recorded = 0;
  #redacted = 0;
  /** Bytes of events without a link. */
  #queuedBytes = 0;
  /** Events that are to be kept with the next write. */
  #unkept: Taken[] = [];
  readonly #losses: LostEvents;
  /** Calls of `flush`, `rotate` and `close` that somebody waits for. */
  readonly #calls = new PendingCalls();
  readonly #exitPatience = new ExitPatience();
  /** True if the program has nothing else to do than what its `beforeExit` listeners begin. */
  #isIdle = false;
  /** True while events are delivered because the program has nothing else to do, and after that failed. */
  #isEnding = false;
  /** True while the program ends: nothing that waits is done any more. */
  #isExiting = false;
  /** True if somebody asked for a delivery that the flush under way may not include. */
  #isHastened = false;
  #lastError: CountersignError | undefined;
  /** Why events will never come that no outbox has. */
  #lost: CountersignError | undefined;
  #closed = false;
  #isHandedOver = false;
  /** True while it takes events for which the recorder found room before it had started. */
  #isCatchingUp = false;
  /** Who has this one's outbox now. */
  #successor: Pipeline | undefined;
  /** The latest time of an event that the chain got. */
  #latest = Number.NEGATIVE_INFINITY;
  /** By how much this machine's clock was last said to be ahead of the log's. */
  #toldAhead = 0;
  #looked = 0;
  #looking: ReturnType<typeof setInterval> | undefined;
  readonly #hasten = () => {
    if (this.#parts.settings.flush !== undefined) {
      this.#isHastened = this.#flushing.isRunning;
      this.#flushing.soon(0, true);
    }
  };

  constructor(parts: Parts) {
    const { origin, settings, outbox, destination, lifecycle } = parts;
    this.#parts = parts;
    this.origin = origin;
    this.#losses = new LostEvents((error) => tell(settings.onError, error));
    this.#intake = new Intake(settings);
    this.#anew = parts.chain;
    this.#chain = parts.chain();
    this.#delivery = new Delivery(
      destination,
      outbox,
      { timeout: settings.timeoutMs, waits: settings.waits, leaving: () => lifecycle.isLeaving() },
      {
        died: (chain, error, lost) => this.#onDead(chain, error, lost),
        refused: (chain, batches, why) => this.#onRefused(chain, batches, why),
      },
    );
    this.#flushing = new Flushing(
      {
        run: (alive, asked) =>
          this.#run(alive, asked).catch((cause) => {
            throw cause instanceof Failure && RETRIED.has(cause.error.code) ? cause.saying(this.#fate) : cause;
          }),
        retryIn: () => this.#delivery.resting.next,
        owes: (number) => this.#owes(number),
        failed: (error, told) => this.#failed(error, told),
        succeeded: () => {
          this.#lastError = undefined;
          this.#exitPatience.succeeded();
          this.#isEnding = false;
        },
        newest: () => this.#recorded,
        ended: () => {
          const isHastened = this.#isHastened;
          this.#isHastened = false;
          if (parts.hold === undefined && this.#owesNow(this.#recorded)) {
            this.#soon(isHastened);
          }
        },
      },
      {
        auto: settings.flush !== undefined,
        waits: settings.waits,
        hold: parts.hold,
        lifetime: settings.manyContexts ? settings.timeoutMs + 5_000 : undefined,
      },
    );
    this.#restore(parts.found);
    this.#unfollow = lifecycle.follow({
      hidden: () => this.#hurry(0),
      shown: () => this.#look(),
      leaving: () => this.#leave(),
      idle: () => this.#idle(),
      exiting: () => this.#exit(),
    });
    if (parts.found.length > 0) {
      this.#soon();
    }
    if (this.#looksAround) {
      this.#looking = setInterval(() => this.#look(), ORPHANS);
      unref(this.#looking);
    }
  }

  /** The chain: 32 characters of hex. There is none before the first flush. */
  get chain(): string | undefined {
    return this.#chain.name;
  }

  /** The number of events that wait for the next flush. */
  get queued(): number {
    // It is asked for each event.
    let queued = this.#chain.queue.length;
    for (const { queue } of this.#ending) {
      queued += queue.length;
    }
    return queued;
  }

  /** The number of events that are not delivered and can be. */
  get waiting(): number {
    return this.#delivery.pending.reduce((sum, { taken }) => sum + taken.length, this.queued);
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
  recordInvalid({ code, member }: CountersignError): void {
    this.#losses.lost++;
    this.#take(droppedEvent("an event was not valid", { count: 1, code, member }), true);
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
    return this.#flushing.flush(this.#recorded, patience);
  }

  status(): Status {
    if (this.#successor !== undefined) {
      return this.#successor.status();
    }
    const { bytes, inFlight, last, dead } = this.#delivery;
    return {
      queued: this.queued,
      waiting: this.waiting,
      waitingBytes: this.#queuedBytes + bytes,
      inFlight,
      chain: this.chain,
      lastProof: last,
      lastError: this.#lastError,
      retryIn: this.#flushing.retryIn,
      dropped: this.#losses.dropped,
      lost: this.#losses.lost,
      redacted: this.#redacted,
      dead: [...dead].map(([chain, error]) => ({ chain, error })),
    };
  }

  async rotate(key: string | KeyHandle | Signer, patience: FlushPatience = {}): Promise<void> {
    millisOf(patience);
    const anew = await this.#parts.begin(key);
    this.#refuseClosed();
    this.#anew = anew;
    this.#endChain();
    this.#chain = anew();
    return this.flush(patience);
  }

  async close(patience: FlushPatience = {}): Promise<void> {
    millisOf(patience);
    if (this.#isHandedOver) {
      // What it held is another's to deliver.
      return;
    }
    if (!this.#closed) {
      this.#closed = true;
      this.#flushing.end();
      clearInterval(this.#looking);
      this.#chain.end();
    }
    await this.flush(patience);
    await this.#calls.until(this.#letGo());
    this.#unfollow();
    if (this.#lost !== undefined) {
      throw this.#lost;
    }
  }

  async #letGo(): Promise<void> {
    await this.#parts.outbox.close();
    await this.#parts.destination.close?.();
  }

  /** Lets go of a pipeline that nothing was recorded into. */
  discard(): void {
    this.#flushing.end();
    clearInterval(this.#looking);
    this.#unfollow();
  }

  /** Gives its outbox to a pipeline that takes its place, with all that it holds. */
  async handOver(): Promise<void> {
    this.#isHandedOver = true;
    this.#closed = true;
    this.#flushing.end();
    clearInterval(this.#looking);
    this.#keep();
    // A flush under way ends at its next step. What it sends then is in the outbox, and the log takes the same links once.
    for (let tries = 0; this.#flushing.isRunning && tries < HAND_OVER; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#unfollow();
    await this.#parts.outbox.close();
    for (const one of this.#waiting) {
      one.fail(handedOver());
    }
  }

  /** Has another do what is still asked of it, by modules that know this one. */
  replaceBy(successor: Pipeline): void {
    this.#successor = successor;
  }

  #refuseClosed(): void {
    if (this.#closed) {
      throw new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
    }
  }

  /** Bytes of all that waits, with the links that are not made yet. */
  get #held(): number {
    return this.#queuedBytes + LINK * this.queued + this.#delivery.bytes;
  }

  /** Takes an event; what is none is reported where that was chosen, and recorded as such. */
  #taking(take: () => Handle): Handle {
    try {
      return take();
    } catch (cause) {
      if (!this.#parts.settings.reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      tell(this.#parts.settings.onError, cause);
      this.recordInvalid(cause);
      return invalidHandle(cause);
    }
  }

  #take(json: string, typed: boolean, count = 1): Handle {
    this.#refuseClosed();
    // Its UTF-8 is no shorter than this; how long it is is known when it is in the chain.
    if (!this.#isCatchingUp && this.#held + json.length + LINK > this.#parts.settings.limitBytes) {
      return this.#full(count);
    }
    const now = this.#parts.clock.now();
    this.#leaveWhatIsAhead(now);
    const taken = new Taken(this.#recorded + 1, this.#hasten, undefined, count);
    this.#chain.record(json, typed, now, taken);
    this.#recorded++;
    this.#redacted += taken.redacted;
    this.#queuedBytes += taken.bytes;
    if (this.#parts.outbox.isDurable) {
      this.#keepSoon(taken);
    } else {
      taken.keep();
    }
    this.#soon();
    if (this.#isExiting) {
      this.#exit();
    }
    return taken;
  }

  /**
   * Times never go back in a chain: after a clock that was far ahead it could only repeat a time that is yet to come, and
   * a log takes none such until then. What is recorded from now on need not wait for that.
   */
  #leaveWhatIsAhead(now: number): void {
    if (now < this.#latest - BACK) {
      this.#endChain();
      this.#chain = this.#anew();
      this.#latest = now;
      // What waits for a time to come may have had it from that clock.
      this.#delivery.resting.wake();
    }
    this.#latest = Math.max(this.#latest, now);
  }

  #full(count: number): Handle {
    if (!this.#parts.settings.drops) {
      throw new CountersignError("recorder.full", "too much waits to be handed on", {
        hint: "flush more often, find out why flushes fail, or raise limitBytes",
      });
    }
    const now = this.#parts.clock.now();
    this.#losses.drop({ count, since: now, until: now });
    if (this.#isExiting) {
      this.#exit();
    }
    return droppedHandle();
  }

  #soon(isHastened = false): void {
    const { flush } = this.#parts.settings;
    if (flush === undefined || (this.#flushing.isRunning && this.#parts.hold === undefined)) {
      return;
    }
    if (isHastened || (this.#isIdle && !this.#exitPatience.isOver)) {
      this.#flushing.soon(0, true);
      return;
    }
    const isMuch = this.#chain.queue.length >= flush.events || this.#queuedBytes >= flush.bytes;
    this.#flushing.soon(isMuch ? 0 : flush.ms);
  }

  /** Keeps events a moment later, so that those of the same moment go together. */
  #keepSoon(taken: Taken): void {
    if (this.#unkept.push(taken) === 1) {
      queueMicrotask(() => this.#keep());
    }
  }

  #keep(): void {
    const taken = this.#unkept;
    if (taken.length === 0) {
      return;
    }
    this.#unkept = [];
    const lines = this.#chain.unstored();
    this.#parts.outbox.keepEvents(lines, taken).then(
      () => settle(taken),
      (error: CountersignError) => {
        settle(taken, error);
        this.#failed(error, false);
      },
    );
  }

  async #run(isAlive: () => boolean, asked: boolean): Promise<void> {
    const alive = () => !this.#isHandedOver && isAlive();
    if (!alive()) {
      return;
    }
    await this.#adopt();
    // What is recorded from now on is flushed by another: or this one might never end.
    const newest = this.#recorded;
    let waiting: Failure | undefined;
    let isFirst = true;
    do {
      const failed = await this.#link(alive);
      if (!alive()) {
        return;
      }
      try {
        await this.#delivery.deliver(alive, asked && isFirst);
      } catch (cause) {
        if (!(cause instanceof Failure && cause.isOfChain)) {
          throw cause;
        }
        // That it waits again says less than why.
        waiting = waiting === undefined || waiting.scope === "waiting" ? cause : waiting;
      }
      isFirst = false;
      if (!alive()) {
        return;
      }
      if (failed === undefined) {
        this.#recordDropped(this.#chain);
      }
      this.#flushing.progressed();
      if (failed !== undefined) {
        throw failed;
      }
    } while (this.#owesNow(newest));
    this.#losses.reportDue();
    if (waiting !== undefined && this.#owes(newest)) {
      throw waiting;
    }
  }

  /**
   * Makes links of what is queued now, and keeps them: what comes meanwhile must not hold up what is linked. Gives what
   * kept a chain from it, or what the outbox says against it: what is linked can go.
   */
  async #link(alive: () => boolean): Promise<unknown> {
    let failed: unknown;
    const newest = this.#recorded;
    const done = new Set<Chain>();
    const next = () => [...this.#ending, this.#chain].find((chain) => !done.has(chain));
    for (let chain = next(); chain !== undefined && alive(); chain = next()) {
      done.add(chain);
      try {
        const unkept = await this.#linkAll(chain, newest, alive);
        failed ??= unkept;
      } catch (cause) {
        if (!alive()) {
          return undefined;
        }
        if (chain !== this.#chain && isOfSigner(cause)) {
          this.#leaveEnded(chain, cause);
        } else {
          failed ??= cause;
        }
      }
    }
    this.#ending = this.#ending.filter(({ hasWork }) => hasWork);
    return failed;
  }

  async #linkAll(chain: Chain, newest: number, alive: () => boolean): Promise<CountersignError | undefined> {
    let unkept: CountersignError | undefined;
    // Anew each time: a close link may follow, and nothing after it.
    for (;;) {
      this.#recordDropped(chain);
      if (!alive() || !hasWorkOf(chain, newest) || this.#delivery.bytesBefore(chain.name) >= LINKED) {
        return unkept;
      }
      this.#keepWhatStays(chain);
      const batch = await chain.link(this.#batchBytes(), (made) => this.#linked(made));
      if (batch === undefined) {
        return unkept;
      }
      await this.#delivery.keep(batch).catch((error: CountersignError) => {
        unkept ??= error;
      });
    }
  }

  /** What nobody signs in a chain that was ended goes into the chain in use: its key may be gone for good. */
  #leaveEnded(chain: Chain, cause: unknown): void {
    if (this.#chain.isSealed) {
      this.#ending.push(this.#chain);
      this.#chain = this.#anew();
      this.#chain.end();
    }
    this.#moveOn(chain);
    this.#failed(
      new CountersignError("signer.failed", "a chain ends without a close link, since nobody signs it", {
        hint: "its events go on in the next chain; who verifies sees it as one that was never closed",
        cause,
      }),
      false,
    );
  }

  #linked(batch: Batch): void {
    this.#queuedBytes -= batch.taken.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#delivery.add(batch);
  }

  /** What gets its link now is kept with it. If that is not all, or who signs may not do it, all is kept as it is. */
  #keepWhatStays(chain: Chain): void {
    if (chain !== this.#chain || this.#unkept.length === 0) {
      return;
    }
    if (chain.isSwift && chain.linksAll(this.#batchBytes())) {
      chain.unstored();
      this.#unkept = [];
    } else {
      this.#keep();
    }
  }

  #batchBytes(): number {
    return Math.min(this.#parts.lifecycle.batchBytes, this.#delivery.mostBytes);
  }

  #recordDropped(chain: Chain): void {
    const { limitBytes } = this.#parts.settings;
    // In an outbox the count survives a kill. In memory it can wait until something was delivered.
    const hasRoom = this.#held < (this.#parts.outbox.isDurable ? limitBytes : limitBytes / 2);
    if (this.#losses.unrecorded === 0 || chain !== this.#chain || !(hasRoom || this.#closed || this.#isExiting)) {
      return;
    }
    for (const dropped of this.#losses.take()) {
      const json = droppedEvent(dropped.reason, timed(dropped));
      // It goes with what was recorded last: who waits for that waits for this too.
      const taken = new Taken(this.#recorded, this.#hasten, undefined, dropped.count);
      chain.record(json, true, this.#parts.clock.now(), taken);
      this.#queuedBytes += taken.bytes;
      if (this.#parts.outbox.isDurable) {
        this.#keepSoon(taken);
      }
    }
  }

  #owes(number: number, waits = (_: string | undefined) => false): boolean {
    return (
      this.#delivery.owed.some(({ chain, taken }) => !waits(chain) && isDue(taken, number)) ||
      [...this.#ending, this.#chain].some((chain) => !waits(chain.name) && hasWorkOf(chain, number))
    );
  }

  /** The same, but for what waits after a failure of its chain. */
  #owesNow(number: number): boolean {
    return this.#owes(number, (chain) => this.#delivery.resting.has(chain));
  }

  #failed(error: CountersignError, told: boolean): void {
    if (this.#isHandedOver) {
      return;
    }
    this.#lastError = error;
    if (!told) {
      tell(this.#parts.settings.onError, error);
    }
  }

  /** A chain that cannot go on: what has no link yet goes into a new one. */
  #onDead(name: string, error: CountersignError, lost: number): void {
    if (lost > 0) {
      const now = this.#parts.clock.now();
      this.#lost ??= error;
      this.#losses.lose({ count: lost, since: now, until: now });
    }
    if (this.#chain.name !== name) {
      this.#ending = this.#ending.filter((chain) => chain.name !== name || this.#moveOn(chain));
      return;
    }
    this.#keep();
    const dead = this.#chain;
    this.#chain = this.#anew();
    this.#moveOn(dead);
    if (this.#closed) {
      this.#chain.end();
    }
  }

  /**
   * A chain whose key the log refuses, or whose times. A grant to come acts on chains that begin after it: the chain in
   * use waits for one as long as the log has nothing of it. What else waits of such a chain goes into another, dated
   * before what the log's clock shows.
   */
  async #onRefused(name: string, batches: readonly Batch[], { logTime, error }: Failure): Promise<boolean> {
    const isInUse = this.#chain.name === name;
    const learnt = logTime === undefined ? undefined : this.#parts.clock.learn(logTime);
    if (learnt === undefined ? isInUse && batches[0]?.from === 0 : learnt.isTooMuch) {
      return false;
    }
    const dated = (line: string) => (learnt === undefined ? line : datedAnew(line, learnt));
    const lines = batches.flatMap(eventsOf).map(dated);
    // What an earlier recorder wrote has no handles. Every flush owes it.
    const handles = batches.flatMap(({ taken }) => taken);
    const made = () => new Taken(0, this.#hasten);
    const taken = handles.length === lines.length ? handles : lines.map(made);
    if (this.#parts.outbox.isDurable) {
      const before = handles.map(({ id }) => id);
      const remove = [...batches.map(({ id }) => id), ...before.flatMap((id) => id ?? [])];
      try {
        await this.#parts.outbox.keepEvents(lines, taken, remove);
      } catch {
        handles.forEach((one, nth) => {
          one.id = before[nth];
        });
        return false;
      }
    }
    const over = isInUse ? this.#chain : this.#ending.find((chain) => chain.name === name);
    this.#ending = this.#ending.filter((chain) => chain !== over);
    // A chain that is ended takes nothing any more.
    if (isInUse || this.#chain.isClosing) {
      this.#keep();
      this.#ending.push(...(isInUse ? [] : [this.#chain]));
      this.#chain = this.#anew();
    }
    this.#queue(lines, taken);
    for (const one of taken) {
      this.#queuedBytes += one.bytes;
      one.keep();
    }
    if (over !== undefined) {
      this.#moveOn(over, dated);
    }
    if (this.#closed) {
      this.#chain.end();
    }
    if (learnt !== undefined) {
      this.#latest = Number.NEGATIVE_INFINITY;
      this.#tellClock(learnt, error);
    }
    return true;
  }

  /** Says once what a log's clock showed. */
  #tellClock({ ahead, isCorrected }: Learnt, { message }: CountersignError): void {
    if (isCorrected && Math.abs(ahead - this.#toldAhead) < 60_000) {
      return;
    }
    this.#toldAhead = isCorrected ? ahead : 0;
    const seconds = Math.round(ahead / 1000);
    const [what, hint] = isCorrected
      ? [`this machine's clock is ${seconds} s ahead of the log's: events are dated by the log's clock`, SET]
      : [
          `events were dated by a clock that was ahead of the log's: they are recorded with the time now (${message})`,
          "was this machine's clock set?",
        ];
    this.#failed(new CountersignError("clock.ahead", what, { hint }), false);
  }

  #moveOn(over: Chain, dated = (line: string) => line): false {
    const { lines, taken } = over.abandon();
    this.#queue(lines.map(dated), taken);
    return false;
  }

  /** Queues events as they were kept, in the chain in use. */
  #queue(lines: readonly string[], taken: readonly Taken[]): void {
    lines.forEach((line, nth) => {
      const one = taken[nth];
      if (one !== undefined) {
        this.#chain.restore(line, one);
      }
    });
  }

  /** Ends the chain in use, if there is anything in it. */
  #endChain(): void {
    this.#keep();
    if (this.#chain.name === undefined && this.#chain.queue.length === 0) {
      this.#chain.abandon();
      return;
    }
    this.#chain.end();
    this.#ending.push(this.#chain);
  }

  #restore(found: readonly Found[]): void {
    for (const one of found) {
      if (one.kind === "batch") {
        this.#delivery.add(one.batch);
        continue;
      }
      const taken = new Taken(++this.#recorded, this.#hasten, one.id);
      this.#chain.restore(one.line, taken);
      this.#latest = Math.max(this.#latest, Number.parseInt(one.line, 10));
      this.#queuedBytes += taken.bytes;
      taken.keep();
    }
  }

  /** Takes over what others left that died. */
  async #adopt(pause = ORPHANS): Promise<void> {
    const now = performance.now();
    if (this.#closed || now - this.#looked < pause) {
      return;
    }
    this.#looked = now;
    const found = await this.#parts.outbox.orphans();
    // Otherwise whoever opens the outbox next has them.
    if (!this.#chain.isSealed) {
      this.#restore(found);
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
      if (this.#owes(this.#recorded)) {
        this.#soon();
      }
    };
    this.#adopt(0).then(soon, (error: CountersignError) => this.#failed(error, false));
  }

  #hurry(patience: number): void {
    if (this.#parts.settings.flush !== undefined && this.#owes(this.#recorded)) {
      this.flush({ patience }).catch((error: CountersignError) => tell(this.#parts.settings.onError, error));
    }
  }

  /**
   * Delivers what waits, because the program has nothing else to do. If that fails for long enough, whoever waits for an
   * event is told, and the program may end.
   */
  #idle(): void {
    this.#isIdle = true;
    ifProgramContinues(() => {
      this.#isIdle = false;
    });
    const isAwaited = this.#calls.areAny || this.#waiting.some((one) => one.isAwaited);
    const owes = this.#owes(this.#recorded) || this.#losses.unrecorded > 0;
    const patience = this.#exitPatience.next(this.#recorded, isAwaited);
    if (!owes || patience === 0 || this.#parts.settings.flush === undefined) {
      this.#giveUp();
      return;
    }
    const began = performance.now();
    this.#isEnding = true;
    this.#flush(patience).catch((error: CountersignError) => {
      this.#exitPatience.failed(performance.now() - began);
      tell(this.#parts.settings.onError, error);
      this.#giveUp(error);
    });
  }

  /** Rejects whatever somebody waits for: the program has nothing else to do. */
  #giveUp(cause?: CountersignError): void {
    const waiting = this.#waiting;
    const error = (isKept: boolean) => unsent(cause ?? this.#lastError, isKept);
    for (const one of waiting.filter(({ isAwaited }) => isAwaited)) {
      one.giveUp(error(this.#isSafe(one)));
    }
    this.#calls.rejectAll(error(waiting.every((one) => this.#isSafe(one))));
  }

  /** Events that are not delivered. */
  get #waiting(): Taken[] {
    return [
      ...[...this.#ending, this.#chain].flatMap(({ queue }) => queue),
      ...this.#delivery.owed.flatMap(({ taken }) => taken),
    ];
  }

  /** True if an event is kept when the program ends. */
  #isSafe({ isKept }: Taken): boolean {
    return this.#parts.outbox.isDurable && isKept;
  }

  /** What becomes of the events that wait, as hints say it. */
  get #fate(): string {
    if (this.#parts.outbox.isDurable && this.#waiting.every((one) => this.#isSafe(one))) {
      return "nothing is lost: the events are in the outbox, and are sent again";
    }
    return this.#closed || this.#isEnding
      ? "the events are only in memory: they are lost if the program ends now"
      : "the events wait in memory, and are sent again";
  }

  /** The last moment of a page: what can be sent without waiting is sent. */
  #leave(): void {
    this.#keep();
    if (this.#parts.settings.flush === undefined) {
      return;
    }
    // What an outbox holds as events must be in it as links before it is sent, or it could be recorded twice.
    if (!this.#parts.outbox.isDurable && this.#chain.isSwift) {
      const batch = this.#chain.linkNow(this.#parts.lifecycle.batchBytes);
      if (batch !== undefined) {
        batch.kept = true;
        this.#linked(batch);
      }
    }
    this.#delivery.leave();
  }

  /** The program ends: keeps what can be kept without waiting for anything, and reports what is lost. */
  #exit(): void {
    this.#isExiting = true;
    ifProgramContinues(() => {
      this.#isExiting = false;
    });
    const { outbox, lifecycle, settings } = this.#parts;
    if (outbox.isDurable) {
      this.#keepNow();
    }
    const waiting = this.#waiting.filter((one) => !this.#isSafe(one));
    const lost = countOf(waiting) + this.#losses.unrecorded;
    if (lost === 0) {
      return;
    }
    tell(settings.onError, lostError(lost, outbox.isDurable, this.#todo));
    lifecycle.failed?.();
  }

  /** Writes events and batches that are not in the outbox yet, if it can do that without waiting. */
  #keepNow(): void {
    const { outbox } = this.#parts;
    if (!outbox.writesNow) {
      return;
    }
    if (!this.#chain.isSealed) {
      this.#recordDropped(this.#chain);
    }
    const events = [...this.#ending, this.#chain].flatMap((chain) =>
      chain.queued().filter(({ taken }) => !taken.isKept),
    );
    const batches = this.#delivery.owed.filter(({ kept }) => !kept);
    this.#unkept = [];
    this.#chain.unstored();
    try {
      outbox.keepNow(events, batches);
    } catch (error) {
      tell(this.#parts.settings.onError, error as CountersignError);
    }
  }

  /** What to do so that no event is lost when the program ends. */
  get #todo(): string {
    const { isDurable } = this.#parts.outbox;
    const closing = this.#flushing.isRunning
      ? "what ended the program did not wait for close(): await it there"
      : "close() failed: go on with close({ patience: 10_000 })";
    const todo = this.#closed ? closing : "await close() before the program ends";
    return `${todo}, ${isDurable ? "or await stored() of each event" : "or give the recorder an outbox"}`;
  }
}

/** The event that tells of events that are not in the log. */
function droppedEvent(reason: string, metadata: object): string {
  const actor = { type: "service", id: "countersign" };
  return toJson({ action: "countersign.dropped", actor, outcome: "failure", reason, metadata });
}

function timed({ count, since, until }: Dropped): object {
  return { count, since: new Date(since), until: new Date(until) };
}

/** Why events were not delivered, for whoever waits for them when the program has nothing else to do. */
function unsent(cause: CountersignError | undefined, isKept: boolean): CountersignError {
  const why = cause === undefined ? "" : `: ${cause.message}`;
  if (!isKept) {
    return new CountersignError("recorder.lost", `the program ends, and not all events were delivered${why}`, {
      hint: "give the recorder an outbox, or wait longer with flush({ patience: 60_000 })",
      cause,
    });
  }
  const hint = "the events are in the outbox, and are delivered when it is opened again";
  return new CountersignError(
    cause?.code ?? "recorder.out_of_turn",
    cause === undefined ? "the program ends, and no flush was asked for" : cause.message,
    { hint, cause },
  );
}

/** Runs `reset` if the program goes on after it seemed to end. */
function ifProgramContinues(reset: () => void): void {
  unref(setTimeout(reset, 0));
}

/** True if one of the events was recorded by then. Without events it is the chain's own link, which is always due. */
function isDue(taken: readonly Taken[], number: number): boolean {
  return taken.length === 0 || taken.some((one) => one.number <= number);
}

function hasWorkOf({ hasWork, queue }: Chain, number: number): boolean {
  return hasWork && isDue(queue, number);
}

function isOfSigner(error: unknown): boolean {
  return error instanceof CountersignError && (error.code === "signer.failed" || error.code === "signature.invalid");
}

export function millisOf(given: FlushPatience): number {
  const { patience = 0 } = ownOptions(given, ["patience"]);
  mustBePatience(patience);
  return patience;
}

/** A queued event, with the time that it is to have. */
function datedAnew(line: string, { dated }: Learnt): string {
  const end = line.indexOf(" ");
  return `${dated(Number(line.slice(0, end)))}${line.slice(end)}`;
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

function settle(taken: readonly Taken[], error?: CountersignError): void {
  for (const one of taken) {
    one.keep(error);
  }
}

export function textOf(json: string | Uint8Array): string {
  if (typeof json === "string") {
    if (json.isWellFormed()) {
      return json;
    }
    // It has no UTF-8, and would be replaced on the way.
    throw invalid("half of a surrogate pair", "write both halves, or U+FFFD");
  }
  if (!(json instanceof Uint8Array)) {
    throw invalid("neither text nor bytes", "record takes objects, recordJson JSON text");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw invalid("not UTF-8", "JSON text is UTF-8", undefined, cause);
  }
}
