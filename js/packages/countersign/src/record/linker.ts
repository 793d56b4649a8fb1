/**
 * Owns a recorder's chains. One chain is in use: events are queued in it. Others are ending: they still have links to
 * make. A flush makes links of what is queued, and hands them to the sender in batches.
 *
 * States of a chain (`ChainState`), and what leads from one to the next:
 *
 *   open     Events are queued in it. Only the chain in use is open.
 *     -> closing  `rotate`, `close`, or a clock that went back by more than `MAX_BACK_MS`.
 *     -> dead     `rotate` or the clock, if the chain is empty; or the log refused it.
 *   closing  It takes no event but `countersign.dropped` and those of chains that died, and only while it is in use.
 *     -> sealed   All that is queued has a link, and so has the end: the close link.
 *     -> dead     As from "sealed".
 *   sealed   The last batch waits for its signature. Nothing is added any more.
 *     -> closed   It is signed, and the sender has it.
 *     -> dead     Nobody signs it, or the log refuses its key, its times or its links.
 *   closed   Final. Its batches are the sender's.
 *   dead     Final. What had no link, or has one that the log does not have, goes into the chain in use.
 *
 * A chain that waits after a failure of its own stays in its state: how long it waits, and how often the log denied it,
 * is known by the sender alone. That the log denied a chain for good is kept here, by its name: its batches may be those
 * of an earlier recorder.
 */

import { type Batch, eventsOf } from "../deliver/batch.js";
import { Failure, heavier } from "../deliver/failure.js";
import type { Sender } from "../deliver/sender.js";
import { CountersignError } from "../error.js";
import type { Found, RecorderOutbox } from "../outbox/recorder-outbox.js";
import { type Chain, LINK } from "./chain.js";
import { type Clock, type Learnt, SET } from "./clock.js";
import type { ErrorReporter } from "./error-reporter.js";
import type { FlushTurn } from "./flush-scheduler.js";
import { countOf, Taken } from "./handle.js";
import { droppedEvent, type LostEvents } from "./lost-events.js";
import { UnkeptEvents } from "./unkept-events.js";

/** The parts of a linker. */
export interface LinkerParts {
  readonly clock: Clock;
  readonly outbox: RecorderOutbox;
  readonly sender: Sender;
  readonly losses: LostEvents;
  readonly errors: ErrorReporter;
  /** The most bytes that wait. */
  readonly maxWaitingBytes: number;
  /** About how many bytes are signed together. */
  readonly batchBytes: () => number;
  /** Begins a chain. */
  readonly begin: () => Chain;
  /** Has events delivered soon, because someone waits for one. */
  readonly hasten: () => void;
}

/** Bytes of links that are made before some are sent. */
const MAX_LINKED_BYTES = 1 << 20;
/** Milliseconds that a clock may go back before a new chain begins. */
const MAX_BACK_MS = 300_000;
/** Milliseconds between looks for what ended recorders left in the outbox. */
export const ORPHANS_PERIOD_MS = 15_000;

export class Linker {
  readonly #parts: LinkerParts;
  readonly #unkept: UnkeptEvents;
  #chain: Chain;
  /** Chains that are to be closed. */
  #ending: Chain[] = [];
  /** Begins a chain with the key in use. */
  #begin: () => Chain;
  /** Chains that cannot go on. What is left of them stays in the outbox. */
  readonly #dead = new Map<string, CountersignError>();
  #lost: CountersignError | undefined;
  #recorded = 0;
  /** Bytes of events without a link. */
  #queuedBytes = 0;
  #isClosed = false;
  #isStopped = false;
  /** The latest time of an event that the chain got. */
  #latest = Number.NEGATIVE_INFINITY;
  /** By how much this machine's clock was last said to be ahead of the log's. */
  #toldAhead = 0;
  #lookedAt = 0;

  constructor(parts: LinkerParts) {
    this.#parts = parts;
    this.#unkept = new UnkeptEvents(parts.outbox, parts.errors);
    this.#begin = parts.begin;
    this.#chain = parts.begin();
  }

  /** The name of the chain in use, once there is a link. */
  get chain(): string | undefined {
    return this.#chain.name;
  }

  /** Chains that cannot go on, and why. */
  get dead(): ReadonlyMap<string, CountersignError> {
    return this.#dead;
  }

  /** Why events will never be delivered that no outbox has. */
  get lost(): CountersignError | undefined {
    return this.#lost;
  }

  /** The number of the event that was recorded last. */
  get newest(): number {
    return this.#recorded;
  }

  /** The number of events without a link. */
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
    return this.#parts.sender.pending.reduce((sum, { taken }) => sum + taken.length, this.queued);
  }

  get waitingBytes(): number {
    return this.#queuedBytes + this.#parts.sender.bytes;
  }

  /** Bytes of all that waits, with the links that are not made yet. */
  get heldBytes(): number {
    return this.waitingBytes + LINK * this.queued;
  }

  /** True if the chain in use has so many events without a link, or all chains so many bytes of them. */
  hasMuch(events: number, bytes: number): boolean {
    return this.#chain.queue.length >= events || this.#queuedBytes >= bytes;
  }

  /** Events that are not delivered. */
  get undelivered(): Taken[] {
    return [...this.#all.flatMap(({ queue }) => queue), ...this.#parts.sender.owed.flatMap(({ taken }) => taken)];
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

  /** Queues an event. */
  record(json: string, typed: boolean): Taken {
    const now = this.#parts.clock.now();
    this.#leaveWhatIsAhead(now);
    const taken = new Taken(this.#recorded + 1, this.#parts.hasten);
    this.#chain.record(json, typed, now, taken);
    this.#recorded++;
    this.#queuedBytes += taken.bytes;
    if (this.#parts.outbox.isDurable) {
      this.#keepSoon(taken);
    } else {
      taken.keep();
    }
    return taken;
  }

  /** Queues what was in the outbox. */
  restore(found: readonly Found[]): void {
    for (const one of found) {
      if (one.kind === "batch") {
        this.#send(one.batch);
        continue;
      }
      const taken = new Taken(++this.#recorded, this.#parts.hasten, one.id);
      this.#chain.restore(one.line, taken);
      this.#latest = Math.max(this.#latest, Number.parseInt(one.line, 10));
      this.#queuedBytes += taken.bytes;
      taken.keep();
    }
  }

  /** Takes over what recorders left that have ended, unless it looked for that a moment ago. */
  async adopt(pollIntervalMs = ORPHANS_PERIOD_MS): Promise<void> {
    const now = performance.now();
    if (this.#isClosed || now - this.#lookedAt < pollIntervalMs) {
      return;
    }
    this.#lookedAt = now;
    const found = await this.#parts.outbox.orphans();
    // Otherwise whoever opens the outbox next has them.
    if (!this.#chain.isSealed) {
      this.restore(found);
    }
  }

  /** Ends the chain in use, and has others begin with another key. */
  rotate(begin: () => Chain): void {
    this.#begin = begin;
    this.#next();
  }

  /** Ends the chain in use, and begins no other. */
  close(): void {
    this.#isClosed = true;
    this.#chain.end();
  }

  /** Stops all work, because another recorder takes over the outbox. A flush under way ends at its next step. */
  stop(): void {
    this.#isStopped = true;
    this.#isClosed = true;
    this.keep();
  }

  /** Begins to write events to the outbox that it does not have yet. */
  keep(): void {
    this.#unkept.write(this.#chain);
  }

  /** Writes events and batches to the outbox that it does not have yet, without waiting: the program ends. */
  keepNow(): void {
    if (!this.#chain.isSealed) {
      this.#recordDropped(this.#chain, true);
    }
    const events = this.#all.flatMap((chain) => chain.queued().filter(({ taken }) => !taken.isKept));
    const batches = this.#parts.sender.owed.filter(({ kept }) => !kept);
    this.#unkept.clear(this.#chain);
    this.#parts.outbox.keepNow(events, batches);
  }

  /** Sends what can be sent without waiting: the page goes away. */
  leave(): void {
    const { outbox, batchBytes, sender } = this.#parts;
    // What an outbox holds as events must be in it as links before it is sent, or it could be recorded twice.
    if (!outbox.isDurable && this.#chain.isSwift) {
      const batch = this.#chain.linkNow(batchBytes());
      if (batch !== undefined) {
        batch.kept = true;
        this.#linked(batch);
      }
    }
    sender.leave();
  }

  /** True if events up to that number are still to be delivered. */
  owes(number: number): boolean {
    return this.#owes(number, () => false);
  }

  /** The same, but for events whose chain waits after a failure. */
  owesNow(number: number): boolean {
    return this.#owes(number, (chain) => this.#parts.sender.isWaiting(chain));
  }

  #owes(number: number, waits: (chain: string | undefined) => boolean): boolean {
    return (
      this.#parts.sender.owed.some(({ chain, taken }) => !waits(chain) && isDue(taken, number)) ||
      this.#all.some((chain) => !waits(chain.name) && hasWorkOf(chain, number))
    );
  }

  /** Milliseconds until a chain that waits is tried again. */
  get retryInMs(): number | undefined {
    return this.#parts.sender.retryInMs;
  }

  /** Makes links of all that is queued, and delivers them. Throws why some are not delivered. */
  async flush({ isAlive, isAsked, progressed }: FlushTurn): Promise<void> {
    const alive = () => !this.#isStopped && isAlive();
    if (!alive()) {
      return;
    }
    await this.adopt();
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
        await this.#deliver(alive, isAsked && isFirst);
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
      progressed();
      if (failed !== undefined) {
        throw failed;
      }
    } while (this.owesNow(newest));
    this.#parts.losses.reportDue();
    if (waiting !== undefined && this.owes(newest)) {
      throw waiting;
    }
  }

  /**
   * Makes links of what is queued now, and keeps them: what comes meanwhile must not hold up what is linked. Returns what
   * kept a chain from it, or what the outbox says against it: what is linked can go.
   */
  async #link(alive: () => boolean): Promise<unknown> {
    let failed: unknown;
    const newest = this.#recorded;
    const done = new Set<Chain>();
    const next = () => this.#all.find((chain) => !done.has(chain));
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
    const { sender } = this.#parts;
    let unkept: CountersignError | undefined;
    // Anew each time: a close link may follow, and nothing after it.
    for (;;) {
      this.#recordDropped(chain);
      if (!alive() || !hasWorkOf(chain, newest) || sender.bytesBefore(chain.name) >= MAX_LINKED_BYTES) {
        return unkept;
      }
      this.#keepWhatStays(chain);
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
    this.#queuedBytes -= batch.taken.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#send(batch);
  }

  #send(batch: Batch): void {
    if (!this.#dead.has(batch.chain)) {
      this.#parts.sender.add(batch);
    }
  }

  get #batchBytes(): number {
    return Math.min(this.#parts.batchBytes(), this.#parts.sender.mostBytes);
  }

  /** Keeps an event a moment later, so that those of the same moment go together. */
  #keepSoon(taken: Taken): void {
    this.#unkept.add(taken, () => this.keep());
  }

  /** What gets its link now is kept with it. If that is not all, or who signs may not do it, all is kept as it is. */
  #keepWhatStays(chain: Chain): void {
    if (chain !== this.#chain || !this.#unkept.areAny) {
      return;
    }
    if (chain.isSwift && chain.linksAll(this.#batchBytes)) {
      this.#unkept.clear(chain);
    } else {
      this.keep();
    }
  }

  /** Records that events were dropped, once there is room for that, or for the last time. */
  #recordDropped(chain: Chain, isLast = false): void {
    const { losses, outbox, clock, maxWaitingBytes, hasten } = this.#parts;
    // In an outbox the count survives a kill. In memory it can wait until something was delivered.
    const hasRoom = this.heldBytes < (outbox.isDurable ? maxWaitingBytes : maxWaitingBytes / 2);
    if (losses.unrecorded === 0 || chain !== this.#chain || !(hasRoom || this.#isClosed || isLast)) {
      return;
    }
    for (const dropped of losses.take()) {
      // It goes with what was recorded last: who waits for that waits for this too.
      const taken = new Taken(this.#recorded, hasten, undefined, dropped.count);
      chain.record(droppedEvent(dropped), true, clock.now(), taken);
      this.#queuedBytes += taken.bytes;
      if (outbox.isDurable) {
        this.#keepSoon(taken);
      }
    }
  }

  /** Delivers all chains. One that fails holds up no other; what weighs most of their failures is thrown. */
  async #deliver(alive: () => boolean, asked: boolean): Promise<void> {
    let worst: Failure | undefined;
    for (const chain of this.#parts.sender.chains) {
      const failure = await this.#parts.sender.deliver(chain, alive, asked).catch((cause) => {
        throw cause instanceof Failure && worst?.scope === "dead" ? worst : cause;
      });
      if (failure?.scope === "dead") {
        this.#bury(chain, failure.error);
      }
      if (failure !== undefined && !(failure.scope === "refused" && (await this.#reassign(chain, failure)))) {
        worst = heavier(worst, failure);
      }
    }
    if (worst !== undefined) {
      throw worst;
    }
  }

  /** Gives up a chain that cannot go on: what has no link yet goes into a new one. */
  #bury(name: string, error: CountersignError): void {
    const { sender, outbox, losses, clock } = this.#parts;
    const batches = sender.drop(name);
    for (const one of batches.flatMap(({ taken }) => taken)) {
      one.fail(error);
    }
    this.#dead.set(name, error);
    const isKept = ({ kept, taken }: Batch) => outbox.isDurable && (kept || taken.every(({ id }) => id !== undefined));
    const count = countOf(batches.filter((batch) => !isKept(batch)).flatMap(({ taken }) => taken));
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

  /** Moves what is pending of a refused chain into another. Returns false if the chain waits instead. */
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
   * A chain whose key the log refuses, or whose times. A grant to come acts on chains that begin after it: the chain in
   * use waits for one as long as the log has nothing of it. What else waits of such a chain goes into another, dated
   * before what the log's clock shows.
   */
  async #requeue(name: string, batches: readonly Batch[], { logTime, error }: Failure): Promise<boolean> {
    const { clock, outbox, hasten } = this.#parts;
    const isInUse = this.#chain.name === name;
    const learnt = logTime === undefined ? undefined : clock.learn(logTime);
    if (learnt === undefined ? isInUse && batches[0]?.from === 0 : learnt.isTooMuch) {
      return false;
    }
    const dated = (line: string) => (learnt === undefined ? line : datedAnew(line, learnt));
    const lines = batches.flatMap(eventsOf).map(dated);
    // What an earlier recorder wrote has no handles. Every flush owes it.
    const handles = batches.flatMap(({ taken }) => taken);
    const taken = handles.length === lines.length ? handles : lines.map(() => new Taken(0, hasten));
    if (outbox.isDurable) {
      const before = handles.map(({ id }) => id);
      const remove = [...batches.map(({ id }) => id), ...before.flatMap((id) => id ?? [])];
      try {
        await outbox.keepEvents(lines, taken, remove);
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
    if (isInUse || this.#chain.isEnded) {
      this.keep();
      this.#ending.push(...(isInUse ? [] : [this.#chain]));
      this.#chain = this.#begin();
    }
    this.#queue(lines, taken);
    for (const one of taken) {
      this.#queuedBytes += one.bytes;
      one.keep();
    }
    if (over !== undefined) {
      this.#moveOn(over, dated);
    }
    this.#endIfClosed();
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
    this.#parts.errors.failed(new CountersignError("clock.ahead", what, { hint }));
  }

  /**
   * Times never go back in a chain: after a clock that was far ahead it could only repeat a time that is yet to come, and
   * a log takes none such until then. What is recorded from now on need not wait for that.
   */
  #leaveWhatIsAhead(now: number): void {
    if (now < this.#latest - MAX_BACK_MS) {
      this.#next();
      this.#latest = now;
      // What waits for a time to come may have had it from that clock.
      this.#parts.sender.wake();
    }
    this.#latest = Math.max(this.#latest, now);
  }

  /** Ends the chain in use, if there is anything in it, and begins another. */
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

  /** What nobody signs in a chain that was ended goes into the chain in use: its key may be gone for good. */
  #leaveEnded(chain: Chain, cause: unknown): void {
    if (this.#chain.isSealed) {
      this.#ending.push(this.#chain);
      this.#chain = this.#begin();
      this.#chain.end();
    }
    this.#moveOn(chain);
    this.#parts.errors.failed(
      new CountersignError("signer.failed", "a chain ends without a close link, since nobody signs it", {
        hint: "its events go on in the next chain; who verifies sees it as one that was never closed",
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

/** A queued event, with the time that it is to have. */
function datedAnew(line: string, { dated }: Learnt): string {
  const end = line.indexOf(" ");
  return `${dated(Number(line.slice(0, end)))}${line.slice(end)}`;
}
