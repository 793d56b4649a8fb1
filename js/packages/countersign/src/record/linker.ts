/**
 * Owns a recorder's chains. Events are queued in the current chain. Other chains are ending: they still have links to
 * make. A flush turns queued events into links and passes these to the sender in batches.
 *
 * States of a chain (`ChainState`) and their transitions:
 *
 *   open     Events are queued in it. Only the current chain is open.
 *     -> closing  `rotate`, `close`, or a clock that went back by more than `MAX_BACK_MS`.
 *     -> dead     `rotate` or the clock, if the chain is empty; or the log rejected it.
 *   closing  Accepts only `countersign.dropped` and the events of dead chains, and only while it is current.
 *     -> sealed   All queued events have a link, followed by the close link.
 *     -> dead     As from "sealed".
 *   sealed   The last batch waits for its signature. Nothing is added.
 *     -> closed   The last batch is signed and passed to the sender.
 *     -> dead     The signer fails, or the log rejects its key, its times, or its links.
 *   closed   Final. The sender owns its batches.
 *   dead     Final. Events without a link, or with a link that the log does not have, move to the current chain.
 *
 * A chain that waits after a failure stays in its state: the sender alone tracks its backoff and how often the log
 * rejected it. Permanently rejected chains are tracked here by name, because batches may belong to an earlier
 * recorder's chain.
 */

import { type Batch, eventsOf } from "../deliver/batch.js";
import { Failure, moreSerious } from "../deliver/failure.js";
import type { Sender } from "../deliver/sender.js";
import { CountersignError } from "../error.js";
import type { RecorderOutbox, RestoredItem } from "../outbox/recorder-outbox.js";
import { type Chain, LINK } from "./chain.js";
import { CLOCK_HINT, type Clock, type ClockCorrection } from "./clock.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { FlushTurn } from "./flush-scheduler.js";
import { countOf, PendingEvent } from "./handle.js";
import { droppedEvent, type LostEvents } from "./lost-events.js";
import { UnkeptEvents } from "./unkept-events.js";

/** The collaborators of a linker. */
export interface LinkerParts {
  readonly clock: Clock;
  readonly outbox: RecorderOutbox;
  readonly sender: Sender;
  readonly losses: LostEvents;
  readonly errors: ErrorReporter;
  /** Maximum number of bytes that may wait for delivery. */
  readonly maxWaitingBytes: number;
  /** Approximate number of bytes to sign together. */
  readonly batchBytes: () => number;
  /** Starts a chain. */
  readonly begin: () => Chain;
  /** Requests a delivery soon because a caller waits for an event. */
  readonly deliverSoon: () => void;
}

/** Bytes of links to make before sending some. */
const MAX_LINKED_BYTES = 1 << 20;
/** Milliseconds that a clock may go back before a new chain begins. */
const MAX_BACK_MS = 300_000;
/** Milliseconds between checks for entries that ended recorders left in the outbox. */
export const ORPHANS_PERIOD_MS = 15_000;

export class Linker {
  readonly #parts: LinkerParts;
  readonly #unkept: UnkeptEvents;
  #chain: Chain;
  /** Chains to be closed. */
  #ending: Chain[] = [];
  /** Starts a chain with the current key. */
  #begin: () => Chain;
  /** Chains that can't continue. Their remaining batches stay in the outbox. */
  readonly #dead = new Map<string, CountersignError>();
  #lost: CountersignError | undefined;
  #recorded = 0;
  /** Bytes of events without a link. */
  #queuedBytes = 0;
  #isClosed = false;
  #isKeepingAgain = false;
  #isStopped = false;
  /** The latest event time in the current chain, in milliseconds since the epoch. */
  #latest = Number.NEGATIVE_INFINITY;
  /** The last reported lead of this machine's clock over the log's, in milliseconds. */
  #reportedAheadMs = 0;
  #lookedAt = 0;

  constructor(parts: LinkerParts) {
    this.#parts = parts;
    this.#unkept = new UnkeptEvents(parts.outbox, parts.errors);
    this.#begin = parts.begin;
    this.#chain = parts.begin();
  }

  /** The name of the current chain, once it has a link. */
  get chain(): string | undefined {
    return this.#chain.name;
  }

  /** Dead chains by name, each with the reason. */
  get dead(): ReadonlyMap<string, CountersignError> {
    return this.#dead;
  }

  /** The reason why events were lost that no outbox contains. */
  get lost(): CountersignError | undefined {
    return this.#lost;
  }

  /** The number of the last recorded event. */
  get newest(): number {
    return this.#recorded;
  }

  /** The number of events without a link. */
  get queued(): number {
    // Not a `reduce`: this runs for each event.
    let queued = this.#chain.queue.length;
    for (const { queue } of this.#ending) {
      queued += queue.length;
    }
    return queued;
  }

  /** The number of events that are undelivered and still deliverable. */
  get waiting(): number {
    return this.#parts.sender.pending.reduce((sum, { pending }) => sum + pending.length, this.queued);
  }

  get waitingBytes(): number {
    return this.#queuedBytes + this.#parts.sender.bytes;
  }

  /** Total bytes waiting, including an estimate for links not made yet. */
  get heldBytes(): number {
    return this.waitingBytes + LINK * this.queued;
  }

  /**
   * True if the current chain has at least that many events without a link, or all chains at least that many bytes of
   * them.
   */
  hasMuch(events: number, bytes: number): boolean {
    return this.#chain.queue.length >= events || this.#queuedBytes >= bytes;
  }

  /** Undelivered events. */
  get undelivered(): PendingEvent[] {
    return [
      ...this.#all.flatMap(({ queue }) => queue),
      ...this.#parts.sender.unsettled.flatMap(({ pending }) => pending),
    ];
  }

  /** True if `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Throws if `close` was called. */
  refuseClosed(): void {
    if (this.#isClosed) {
      throw new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
    }
  }

  get #all(): Chain[] {
    return [...this.#ending, this.#chain];
  }

  /** True if a part of this event would be redacted. */
  redacts(json: string): boolean {
    return this.#chain.redacts(json);
  }

  /** Queues an event. */
  record(json: string, typed: boolean): PendingEvent {
    const now = this.#parts.clock.now();
    this.#leaveFutureChain(now);
    const pending = new PendingEvent(this.#recorded + 1, this.#parts.deliverSoon);
    this.#chain.record(json, typed, now, pending);
    this.#recorded++;
    this.#queuedBytes += pending.bytes;
    if (this.#parts.outbox.isDurable) {
      this.#keepSoon(pending);
    } else {
      pending.keep();
    }
    return pending;
  }

  /** Queues the contents of the outbox. */
  restore(found: readonly RestoredItem[]): void {
    for (const one of found) {
      if (one.kind === "batch") {
        this.#send(one.batch);
        continue;
      }
      const pending = new PendingEvent(++this.#recorded, this.#parts.deliverSoon, one.id);
      this.#chain.restore(one.line, pending);
      this.#latest = Math.max(this.#latest, Number.parseInt(one.line, 10));
      this.#queuedBytes += pending.bytes;
      pending.keep();
    }
  }

  /** Takes over entries that ended recorders left in the outbox, unless it checked less than `pollIntervalMs` ago. */
  async adopt(pollIntervalMs = ORPHANS_PERIOD_MS): Promise<void> {
    const now = performance.now();
    if (this.#isClosed || now - this.#lookedAt < pollIntervalMs) {
      return;
    }
    this.#lookedAt = now;
    const found = await this.#parts.outbox.orphans();
    // Otherwise the next recorder that opens the outbox gets them.
    if (!this.#chain.isSealed) {
      this.restore(found.own);
    }
  }

  /** Ends the current chain. Later chains use another key. */
  rotate(begin: () => Chain): void {
    this.#begin = begin;
    this.#next();
  }

  /** Ends the current chain for good. */
  close(): void {
    this.#isClosed = true;
    this.#chain.end();
  }

  /** Stops all work because another recorder takes over the outbox. A running flush ends at its next step. */
  stop(): void {
    this.#isStopped = true;
    this.#isClosed = true;
    this.keep();
  }

  /**
   * Gives up everything undelivered, because nothing more may be sent to the log. What is in the outbox stays there.
   */
  giveUp(error: CountersignError): void {
    const { sender, outbox, losses } = this.#parts;
    this.stop();
    const undelivered = this.undelivered;
    for (const chain of [...sender.chains, ...(this.#chain.name === undefined ? [] : [this.#chain.name])]) {
      sender.drop(chain);
      this.#dead.set(chain, error);
    }
    for (const chain of this.#all) {
      chain.abandon();
    }
    this.#ending = [];
    this.#queuedBytes = 0;
    if (!outbox.isDurable) {
      this.#lost ??= undelivered.length > 0 ? error : undefined;
      losses.lost += countOf(undelivered);
    }
    for (const pending of undelivered) {
      pending.fail(error);
    }
  }

  /** Starts storing the events that the outbox does not contain yet. */
  keep(): void {
    this.#unkept.write(this.#chain);
  }

  /** Stores events again that the outbox could not store: once, for all calls of this moment. */
  keepAgainSoon(): void {
    if (this.#isKeepingAgain) {
      return;
    }
    this.#isKeepingAgain = true;
    queueMicrotask(() => {
      this.#isKeepingAgain = false;
      if (!this.#isStopped) {
        this.#keepAgain();
      }
    });
  }

  #keepAgain(): void {
    const { sender, errors } = this.#parts;
    this.#unkept.writeAgain(this.#all.flatMap((chain) => chain.queued()));
    const missing = (batch: Batch) => !batch.isStored && batch.pending.some(({ isUnstored }) => isUnstored);
    const last = new Map(sender.pending.filter(missing).map((batch) => [batch.chain, batch]));
    for (const [chain, batch] of last) {
      sender.keep(batch).catch((error: CountersignError) => {
        const batches = sender.pending.filter((one) => one.chain === chain && missing(one));
        for (const pending of batches.flatMap(({ pending }) => pending.filter(({ isUnstored }) => isUnstored))) {
          pending.keep(error);
        }
        errors.failed(error);
      });
    }
  }

  /** Writes missing events and batches to the outbox synchronously, because the program exits. */
  keepNow(): void {
    if (!this.#chain.isSealed) {
      this.#recordDropped(this.#chain, true);
    }
    const events = this.#all.flatMap((chain) => chain.queued().filter(({ pending }) => !pending.isKept));
    const batches = this.#parts.sender.unsettled.filter(({ isStored }) => !isStored);
    this.#unkept.clear(this.#chain);
    this.#parts.outbox.keepNow(events, batches);
  }

  /** Sends as much as possible synchronously, because the page is being unloaded. */
  leave(): void {
    const { outbox, batchBytes, sender } = this.#parts;
    // An outbox must store links before they are sent; otherwise its events could be recorded twice.
    if (!outbox.isDurable && this.#chain.isSwift) {
      const batch = this.#chain.linkNow(batchBytes());
      if (batch !== undefined) {
        batch.isStored = true;
        this.#linked(batch);
      }
    }
    sender.leave();
  }

  /** True if an event with a number up to this one is undelivered. */
  hasUndelivered(number: number): boolean {
    return this.#hasUndelivered(number, () => false);
  }

  /** Like `hasUndelivered`, but ignores chains that wait after a failure. */
  hasDeliverable(number: number): boolean {
    return this.#hasUndelivered(number, (chain) => this.#parts.sender.isWaiting(chain));
  }

  #hasUndelivered(number: number, waits: (chain: string | undefined) => boolean): boolean {
    return (
      this.#parts.sender.unsettled.some(({ chain, pending }) => !waits(chain) && isDue(pending, number)) ||
      this.#all.some((chain) => !waits(chain.name) && hasWorkOf(chain, number))
    );
  }

  /** Milliseconds until a waiting chain is retried. */
  get retryInMs(): number | undefined {
    return this.#parts.sender.retryInMs;
  }

  /** Turns all queued events into links and delivers them. Throws the reason if some are not delivered. */
  async flush({ isAlive, isRequested, progressed }: FlushTurn): Promise<void> {
    const alive = () => !this.#isStopped && isAlive();
    if (!alive()) {
      return;
    }
    await this.adopt();
    // Later events belong to the next flush; otherwise this one might never end.
    const newest = this.#recorded;
    let waiting: Failure | undefined;
    let isFirst = true;
    do {
      const failed = await this.#link(alive);
      if (!alive()) {
        return;
      }
      try {
        await this.#deliver(alive, isRequested && isFirst);
      } catch (cause) {
        if (!(cause instanceof Failure && cause.isOfChain)) {
          throw cause;
        }
        // The original failure says more than "still waiting".
        waiting = waiting === undefined || waiting.scope === "waiting" ? cause : waiting;
      }
      isFirst = false;
      if (!alive()) {
        return;
      }
      if (failed === undefined) {
        this.#recordDropped(this.#chain);
      }
      progressed();
      if (failed !== undefined) {
        throw failed;
      }
    } while (this.hasDeliverable(newest));
    this.#parts.losses.reportDue();
    if (waiting !== undefined && this.hasUndelivered(newest)) {
      throw waiting;
    }
  }

  /**
   * Turns events queued so far into links and stores them. Later events wait, so that they can't delay delivery.
   * Returns the first failure of a chain or of the outbox; links that were made can still be sent.
   */
  async #link(alive: () => boolean): Promise<unknown> {
    let failed: unknown;
    const newest = this.#recorded;
    const linked = new Set<Chain>();
    const next = () => this.#all.find((chain) => !linked.has(chain));
    for (let chain = next(); chain !== undefined && alive(); chain = next()) {
      linked.add(chain);
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
    const { sender } = this.#parts;
    let unkept: CountersignError | undefined;
    // Checked on each pass: a close link may follow, and nothing after it.
    for (;;) {
      this.#recordDropped(chain);
      if (!alive() || !hasWorkOf(chain, newest) || sender.bytesBefore(chain.name) >= MAX_LINKED_BYTES) {
        return unkept;
      }
      this.#storeUnlinked(chain);
      const batch = await chain.link(this.#batchBytes, (made) => this.#linked(made));
      if (batch === undefined) {
        return unkept;
      }
      await sender.keep(batch).catch((error: CountersignError) => {
        unkept ??= error;
      });
    }
  }

  #linked(batch: Batch): void {
    this.#queuedBytes -= batch.pending.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#send(batch);
  }

  #send(batch: Batch): void {
    if (!this.#dead.has(batch.chain)) {
      this.#parts.sender.add(batch);
    }
  }

  get #batchBytes(): number {
    return Math.min(this.#parts.batchBytes(), this.#parts.sender.maxBatchBytes);
  }

  /** Stores an event at the end of the current turn, together with the turn's other events. */
  #keepSoon(pending: PendingEvent): void {
    this.#unkept.add(pending, () => this.keep());
  }

  /**
   * Stores events that get no link in this step. Events that do are stored with their link, unless the signer may take
   * long.
   */
  #storeUnlinked(chain: Chain): void {
    if (chain !== this.#chain || !this.#unkept.areAny) {
      return;
    }
    if (chain.isSwift && chain.linksAll(this.#batchBytes)) {
      this.#unkept.clear(chain);
    } else {
      this.keep();
    }
  }

  /** Records a `countersign.dropped` event once there is room, or on the last opportunity. */
  #recordDropped(chain: Chain, isLast = false): void {
    const { losses, outbox, clock, maxWaitingBytes, deliverSoon } = this.#parts;
    // With an outbox the event survives a kill. In memory it waits until something was delivered.
    const hasRoom = this.heldBytes < (outbox.isDurable ? maxWaitingBytes : maxWaitingBytes / 2);
    if (losses.unrecorded === 0 || chain !== this.#chain || !(hasRoom || this.#isClosed || isLast)) {
      return;
    }
    for (const dropped of losses.take()) {
      // It has the number of the last recorded event, so waiting for that one waits for this one too.
      const pending = new PendingEvent(this.#recorded, deliverSoon, undefined, dropped.count);
      chain.record(droppedEvent(dropped), true, clock.now(), pending);
      this.#queuedBytes += pending.bytes;
      if (outbox.isDurable) {
        this.#keepSoon(pending);
      }
    }
  }

  /** Delivers all chains. A failing chain does not block others; the most serious failure is thrown. */
  async #deliver(alive: () => boolean, isRequested: boolean): Promise<void> {
    let worst: Failure | undefined;
    for (const chain of this.#parts.sender.chains) {
      const failure = await this.#parts.sender.deliver(chain, alive, isRequested).catch((cause) => {
        throw cause instanceof Failure && cause.scope !== "stopped" && worst?.scope === "dead" ? worst : cause;
      });
      if (failure?.scope === "dead") {
        this.#abandonDead(chain, failure.error);
      }
      if (failure !== undefined && !(failure.scope === "refused" && (await this.#reassign(chain, failure)))) {
        worst = moreSerious(worst, failure);
      }
    }
    if (worst !== undefined) {
      throw worst;
    }
  }

  /** Gives up a dead chain and moves its events without a link to a new one. */
  #abandonDead(name: string, error: CountersignError): void {
    const { sender, outbox, losses, clock } = this.#parts;
    const batches = sender.drop(name);
    outbox.forget(batches);
    for (const one of batches.flatMap(({ pending }) => pending)) {
      one.fail(error);
    }
    this.#dead.set(name, error);
    const isKept = ({ isStored, pending }: Batch) =>
      outbox.isDurable && (isStored || pending.every(({ id }) => id !== undefined));
    const count = countOf(batches.filter((batch) => !isKept(batch)).flatMap(({ pending }) => pending));
    if (count > 0) {
      const now = clock.now();
      this.#lost ??= error;
      losses.lose({ count, since: now, until: now });
    }
    if (this.#chain.name !== name) {
      this.#ending = this.#ending.filter((chain) => chain.name !== name || this.#moveOn(chain));
      return;
    }
    this.keep();
    const dead = this.#chain;
    this.#chain = this.#begin();
    this.#moveOn(dead);
    this.#endIfClosed();
  }

  /** Moves pending events of a rejected chain to another. Returns false if the chain waits instead. */
  async #reassign(name: string, why: Failure): Promise<boolean> {
    const { sender } = this.#parts;
    const batches = sender.claim(name);
    let isMoved = true;
    try {
      isMoved = await this.#requeue(name, batches, why);
    } finally {
      sender.endClaim(name, batches, isMoved ? undefined : why);
    }
    return isMoved;
  }

  /**
   * Handles a chain whose key or times the log rejects. A future grant applies only to chains that begin after it, so
   * the current chain waits for one as long as the log has none of its links. Other events move to another chain, with
   * times that the log's clock has already reached.
   */
  async #requeue(name: string, batches: readonly Batch[], { logTime, error }: Failure): Promise<boolean> {
    const { clock, outbox, deliverSoon } = this.#parts;
    const isInUse = this.#chain.name === name;
    const learnt = logTime === undefined ? undefined : clock.learn(logTime);
    if (learnt === undefined ? isInUse && batches[0]?.from === 0 : learnt.isTooMuch) {
      return false;
    }
    const dated = (line: string) => (learnt === undefined ? line : withCorrectedTime(line, learnt));
    const lines = batches.flatMap(eventsOf).map(dated);
    // Batches of an earlier recorder have no handles. Every flush must deliver them.
    const handles = batches.flatMap(({ pending }) => pending);
    const pending = handles.length === lines.length ? handles : lines.map(() => new PendingEvent(0, deliverSoon));
    if (outbox.isDurable) {
      const before = handles.map(({ id }) => id);
      const remove = [...batches.map(({ id }) => id), ...before.flatMap((id) => id ?? [])];
      try {
        await outbox.keepEvents(lines, pending, remove);
      } catch {
        handles.forEach((one, nth) => {
          one.id = before[nth];
        });
        return false;
      }
    }
    const over = isInUse ? this.#chain : this.#ending.find((chain) => chain.name === name);
    this.#ending = this.#ending.filter((chain) => chain !== over);
    // An ended chain accepts no events.
    if (isInUse || this.#chain.isEnded) {
      this.keep();
      this.#ending.push(...(isInUse ? [] : [this.#chain]));
      this.#chain = this.#begin();
    }
    this.#queue(lines, pending);
    for (const one of pending) {
      this.#queuedBytes += one.bytes;
      one.keep();
    }
    if (over !== undefined) {
      this.#moveOn(over, dated);
    }
    this.#endIfClosed();
    if (learnt !== undefined) {
      this.#latest = Number.NEGATIVE_INFINITY;
      this.#reportClock(learnt, error);
    }
    return true;
  }

  /** Reports a clock difference once. */
  #reportClock({ ahead, isCorrected }: ClockCorrection, { message }: CountersignError): void {
    if (isCorrected && Math.abs(ahead - this.#reportedAheadMs) < 60_000) {
      return;
    }
    this.#reportedAheadMs = isCorrected ? ahead : 0;
    const seconds = Math.round(ahead / 1000);
    const [what, hint] = isCorrected
      ? [`this machine's clock is ${seconds} s ahead of the log's; events use the log's time`, CLOCK_HINT]
      : [
          `events had times ahead of the log's clock and are recorded with the current time (${message})`,
          "check whether this machine's clock was changed",
        ];
    this.#parts.errors.failed(new CountersignError("clock.ahead", what, { hint }));
  }

  /**
   * Times never go back in a chain. After a clock ran far ahead, a chain could only repeat that future time, which the
   * log rejects until it is reached. A new chain avoids the wait.
   */
  #leaveFutureChain(now: number): void {
    if (now < this.#latest - MAX_BACK_MS) {
      this.#next();
      this.#latest = now;
      // Waiting batches may have times of the wrong clock.
      this.#parts.sender.wake();
    }
    this.#latest = Math.max(this.#latest, now);
  }

  /** Ends the current chain, unless it is empty, and starts another. */
  #next(): void {
    this.keep();
    if (this.#chain.name === undefined && this.#chain.queue.length === 0) {
      this.#chain.abandon();
    } else {
      this.#chain.end();
      this.#ending.push(this.#chain);
    }
    this.#chain = this.#begin();
  }

  /** Moves events of an ended chain that can't be signed to the current chain: the chain's key may be gone for good. */
  #leaveEnded(chain: Chain, cause: unknown): void {
    if (this.#chain.isSealed) {
      this.#ending.push(this.#chain);
      this.#chain = this.#begin();
      this.#chain.end();
    }
    this.#moveOn(chain);
    this.#parts.errors.failed(
      new CountersignError("signer.failed", "a chain ends without a close link because its signer failed", {
        hint: "check the signer; the events continue in the next chain, and verifiers report this one as never closed",
        cause,
      }),
    );
  }

  #endIfClosed(): void {
    if (this.#isClosed) {
      this.#chain.end();
    }
  }

  #moveOn(over: Chain, dated = (line: string) => line): false {
    const { lines, pending } = over.abandon();
    this.#queue(lines.map(dated), pending);
    return false;
  }

  /** Queues events in the current chain, in the form in which they were stored. */
  #queue(lines: readonly string[], pending: readonly PendingEvent[]): void {
    lines.forEach((line, nth) => {
      const one = pending[nth];
      if (one !== undefined) {
        this.#chain.restore(line, one);
      }
    });
  }
}

/**
 * True if one of the events has a number up to this one. A batch without events holds only the chain's own link, which
 * is always due.
 */
function isDue(pending: readonly PendingEvent[], number: number): boolean {
  return pending.length === 0 || pending.some((one) => one.number <= number);
}

function hasWorkOf({ hasWork, queue }: Chain, number: number): boolean {
  return hasWork && isDue(queue, number);
}

function isOfSigner(error: unknown): boolean {
  return error instanceof CountersignError && (error.code === "signer.failed" || error.code === "signature.invalid");
}

/** Returns a queued event's line with its corrected time. */
function withCorrectedTime(line: string, { dated }: ClockCorrection): string {
  const end = line.indexOf(" ");
  return `${dated(Number(line.slice(0, end)))}${line.slice(end)}`;
}
