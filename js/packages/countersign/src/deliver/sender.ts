/**
 * Sends batches to the destination, in order per chain, and keeps each until the log proves that it contains it.
 * Decides how much to send together and which chains wait after a failure, and counts how often the log rejected each.
 * It has no callbacks: `deliver` returns the outcome for a chain, and its owner decides whether the chain's events move
 * to another chain.
 */

import { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import type { Receipt } from "../record/handle.js";
import type { Waits } from "../timers.js";
import { ChainBackoff } from "./backoff.js";
import { type Batch, linksOf } from "./batch.js";
import type { Confirmation, Destination, SendResult } from "./destination.js";
import { Failure } from "./failure.js";

/** Maximum size of a request. */
export interface Limits {
  bytes: number;
  lines: number;
}

/** Default limits: well below those of log servers, and cheap to resend. */
const LIMITS: Limits = { bytes: 1 << 20, lines: 4_096 };

/**
 * Number of consecutive accepted deliveries after which the request size doubles, unless the log server stated a limit.
 */
const GROWTH_PERIOD = 16;

/** Maximum bytes that a page being unloaded may send. Browsers allow 64 KiB for all such requests together. */
export const MAX_KEEPALIVE_BYTES = 60 << 10;

/**
 * Number of times that a log server must reject a chain before it is considered dead, because the rejection isn't
 * signed.
 */
const DENIALS_UNTIL_DEAD = 3;

/** Settings of a sender. */
export interface SenderOptions {
  /** Timeout of a request, in milliseconds. */
  timeout: number;
  /** Backoff of a chain after a failure. */
  waits: Waits;
  /** True if requests sent now must outlive the page. */
  leaving: () => boolean;
}

/** The newest verified proof, and the link that it covers. */
export interface LastProof {
  readonly chain: string;
  readonly seq: number;
  readonly index: number;
  readonly proof: string;
}

export class Sender {
  readonly #destination: Destination;
  readonly #outbox: RecorderOutbox;
  readonly #options: SenderOptions;
  /** The limits that the log server stated; otherwise the defaults. */
  readonly #limits: Limits = { ...LIMITS };
  /**
   * Maximum bytes of batches sent together. Reduced when a request was rejected as too large without a usable limit.
   */
  #requestBytes = LIMITS.bytes;
  /** Maximum bytes of a new batch: the lowest request size so far, because signed batches can't be split. */
  #batchBytes = LIMITS.bytes;
  /** Number of deliveries since the last reduction. */
  #deliveries = 0;
  /** Maximum number of batches sent together. Halved after a timeout, and doubled with each delivery. */
  #maxBatches = Number.POSITIVE_INFINITY;
  #pending: Batch[] = [];
  /**
   * Chains whose batches are sent one by one. If several batches were rejected together, the log may already have the
   * first one (its response was lost) and accept it again.
   */
  readonly #single = new Set<string>();
  /** Number of consecutive rejections of a chain for the same reason. */
  readonly #denials = new Map<string, { code: string; times: number }>();
  readonly #backoff: ChainBackoff;
  #sending: readonly Batch[] = [];
  /** Batches of a rejected chain whose events are moving to another chain. */
  #claimed: readonly Batch[] = [];
  /** Bytes of lines that are undelivered and still deliverable. */
  bytes: number = 0;
  /** The newest verified proof. */
  last: LastProof | undefined;

  constructor(destination: Destination, outbox: RecorderOutbox, options: SenderOptions) {
    this.#destination = destination;
    this.#outbox = outbox;
    this.#options = options;
    this.#backoff = new ChainBackoff(options.waits);
  }

  /** Batches that are undelivered and still deliverable. */
  get pending(): readonly Batch[] {
    return this.#pending;
  }

  /** Pending batches, and those whose events are moving to another chain. */
  get unsettled(): readonly Batch[] {
    return [...this.#pending, ...this.#claimed];
  }

  /** The chains with pending batches, in order of delivery. */
  get chains(): ReadonlySet<string> {
    return new Set(this.#pending.map(({ chain }) => chain));
  }

  /** True if a chain waits after a failure. */
  isWaiting(chain: string | undefined): boolean {
    return this.#backoff.has(chain);
  }

  /** Milliseconds until a waiting chain is retried automatically. */
  get retryInMs(): number | undefined {
    return this.#backoff.next;
  }

  /** Makes the next delivery try all waiting chains. */
  wake(): void {
    this.#backoff.wake();
  }

  /** Returns the number of bytes to deliver before more links of a chain. Other chains that wait don't count. */
  bytesBefore(chain: string | undefined): number {
    if (this.#backoff.size === 0) {
      return this.bytes;
    }
    return sizeOf(this.#pending.filter((batch) => batch.chain === chain || !this.#backoff.has(batch.chain)));
  }

  /** Number of events being sent now. */
  get inFlight(): number {
    return this.#sending.reduce((sum, { pending }) => sum + pending.length, 0);
  }

  /** The largest batch that the log server is expected to accept, in bytes. */
  get maxBatchBytes(): number {
    return Math.min(this.#limits.bytes, this.#batchBytes);
  }

  add(batch: Batch): void {
    this.#pending.push(batch);
    this.bytes += batch.lines.length;
  }

  /**
   * Stores a batch in the outbox, after all earlier batches of its chain that aren't stored yet. The next recorder that
   * opens the outbox can't deliver anything after a gap.
   */
  async keep({ chain, to }: Batch): Promise<void> {
    for (const batch of this.#ofChain(chain)) {
      // It may have been delivered in the meantime.
      if (batch.to <= to && !batch.isStored && this.#pending.includes(batch)) {
        await this.#outbox.keep(batch);
      }
    }
  }

  /**
   * Delivers a chain until none of its batches is pending. Returns the failure if other chains can still be delivered,
   * and otherwise throws it. Checks `alive` after each wait. If `isRequested`, ignores the chain's retry delay, but not
   * one that the log server demanded. After "refused" and "dead", the owner decides what happens to the chain; after
   * other failures, the chain is retried later.
   */
  async deliver(chain: string, alive: () => boolean, isRequested: boolean): Promise<Failure | undefined> {
    const waiting = this.#backoff.hold(chain, isRequested);
    try {
      while (waiting === undefined && alive() && this.#ofChain(chain).length > 0) {
        await this.#step(chain, alive);
      }
      return waiting;
    } catch (cause) {
      if (!alive()) {
        return undefined;
      }
      const failure = cause instanceof Failure && cause.scope === "denied" ? this.#denied(chain, cause) : cause;
      if (!(failure instanceof Failure) || failure.scope === "server" || failure.scope === "stopped") {
        throw failure;
      }
      if (failure.scope === "chain") {
        this.#backoff.add(chain, failure);
      }
      return failure;
    }
  }

  /** Drops a dead chain. Returns its pending batches, which stay in the outbox. */
  drop(chain: string): readonly Batch[] {
    const batches = this.#ofChain(chain);
    this.#remove(batches);
    this.#forget(chain);
    return batches;
  }

  /**
   * Removes the batches of a rejected chain so that their events can be queued in another. They count as unsettled
   * until `endClaim`.
   */
  claim(chain: string): readonly Batch[] {
    const batches = this.#ofChain(chain);
    this.#remove(batches);
    this.#claimed = batches;
    return batches;
  }

  /** Ends a claim. If `why` is given, the batches become pending again and the chain waits. */
  endClaim(chain: string, batches: readonly Batch[], why?: Failure): void {
    this.#claimed = [];
    if (why === undefined) {
      this.#forget(chain);
      return;
    }
    this.#pending = [...batches, ...this.#pending];
    this.bytes += sizeOf(batches);
    this.#backoff.add(chain, why);
  }

  /** Sends as much as possible synchronously, because the page is being unloaded. */
  leave(): void {
    const first = this.#pending.find(({ chain }) => this.#backoff.hold(chain, true) === undefined);
    const batches =
      first === undefined
        ? []
        : this.#nextBatches(first.chain, 0, { ...this.#limits, bytes: MAX_KEEPALIVE_BYTES }, true);
    if (batches.length > 0) {
      // The response can't be processed. The next recorder that opens the outbox resends stored batches.
      this.#destination.send(batches, { timeout: this.#options.timeout, keepalive: true }).catch(() => {});
    }
  }

  #ofChain(chain: string): Batch[] {
    return this.#pending.filter((batch) => batch.chain === chain);
  }

  /** Returns batches of a chain from this `seq` on that fit into one request: at least one, unless `small`. */
  #nextBatches(chain: string, from: number, limits: Limits, small = false): Batch[] {
    const batches: Batch[] = [];
    let bytes = 0;
    let lines = 0;
    for (const batch of this.#ofChain(chain)) {
      if (batch.to < from) {
        continue;
      }
      bytes += batch.lines.length;
      lines += batch.to - batch.from + 1;
      const isMuch =
        bytes > limits.bytes || lines > limits.lines || batches.length >= this.#maxBatches || this.#single.has(chain);
      if (isMuch && (small || batches.length > 0)) {
        break;
      }
      if (small && !batch.isStored) {
        break;
      }
      batches.push(batch);
    }
    return batches;
  }

  async #step(chain: string, alive: () => boolean): Promise<void> {
    // The log may state its next expected `seq` once per step.
    for (let from = 0, moved = false; ; moved = true) {
      const batches = await this.#storedBatches(chain, from, alive);
      if (!alive()) {
        return;
      }
      const sent = await this.#send(batches).catch((failure: unknown) => this.#refused(chain, batches, failure));
      if (!alive() || sent === undefined) {
        return;
      }
      if (sent.kind === "delivered") {
        await this.#delivered(batches, sent.delivered);
        return;
      }
      if (sent.kind === "less") {
        this.#tooLarge(batches, sent);
        return;
      }
      this.#check(chain, sent);
      if (moved) {
        throw sent.failure;
      }
      from = sent.seq;
    }
  }

  /**
   * Returns the next batches, all stored in the outbox: a sent batch that isn't stored would be recorded twice after a
   * kill.
   */
  async #storedBatches(chain: string, from: number, alive: () => boolean): Promise<Batch[]> {
    const { bytes, lines } = this.#limits;
    const limits = {
      lines,
      bytes: this.#options.leaving() ? MAX_KEEPALIVE_BYTES : Math.min(bytes, this.#requestBytes),
    };
    const stored: Batch[] = [];
    for (const batch of this.#nextBatches(chain, from, limits)) {
      const error = await this.keep(batch).catch((error: CountersignError) => error);
      // If none of its events is in the outbox, they can't be recorded twice.
      if (error && batch.pending.some(({ id }) => id !== undefined)) {
        if (stored.length === 0) {
          throw new Failure("server", error);
        }
        break;
      }
      stored.push(batch);
      if (!alive()) {
        break;
      }
    }
    return stored;
  }

  /** Handles a failure. Returns if the chain's first batch is to be tried alone; throws otherwise. */
  #refused(chain: string, batches: readonly Batch[], failure: unknown): undefined {
    const code = failure instanceof Failure ? failure.error.code : undefined;
    if (code === "log_server.timeout") {
      // The same request would time out again.
      this.#maxBatches = Math.max(1, Math.floor(batches.length / 2));
    }
    if (!(failure instanceof Failure) || (code !== "log.unauthorized" && failure.logTime === undefined)) {
      throw failure;
    }
    const [first] = this.#ofChain(chain);
    if (batches.length === 1 && batches[0] === first) {
      throw new Failure("refused", failure.error, failure.retryAfter, failure.logTime);
    }
    if (this.#single.has(chain)) {
      throw failure;
    }
    this.#single.add(chain);
    return undefined;
  }

  #remove(batches: readonly Batch[]): void {
    this.#pending = this.#pending.filter((batch) => !batches.includes(batch));
    this.bytes -= sizeOf(batches);
  }

  async #send(batches: readonly Batch[]): Promise<SendResult> {
    this.#sending = batches;
    const bytes = sizeOf(batches);
    const keepalive = this.#options.leaving() && bytes <= MAX_KEEPALIVE_BYTES;
    try {
      return await this.#destination.send(batches, { timeout: this.#options.timeout, keepalive });
    } finally {
      this.#sending = [];
    }
  }

  /** Removes delivered batches. A proven link vouches for all earlier links of its chain. */
  async #delivered(batches: readonly Batch[], delivered: Confirmation): Promise<void> {
    const last = batches.at(-1);
    if (last === undefined) {
      return;
    }
    this.#maxBatches *= 2;
    this.#deliveries += 1;
    if (this.#deliveries % GROWTH_PERIOD === 0) {
      this.#requestBytes = Math.min(this.#requestBytes * 2, LIMITS.bytes);
    }
    if (delivered.proof !== null && delivered.index !== null) {
      this.last = { chain: last.chain, seq: last.to, index: delivered.index, proof: delivered.proof };
    }
    this.#forget(last.chain);
    const gone = this.#pending.filter((batch) => batch.chain === last.chain && batch.to <= last.to);
    this.#remove(gone);
    settle(gone, delivered);
    await this.#outbox.remove(gone).catch((error: CountersignError) => {
      throw new Failure("server", error);
    });
  }

  /** Reduces the request size. Throws for a single batch that is too large, since signed links can't be split. */
  #tooLarge(batches: readonly Batch[], { bytes, lines, failure }: SendResult & { kind: "less" }): void {
    const before = { ...this.#limits };
    this.#limits.bytes = Math.max(1, Math.min(before.bytes, bytes ?? before.bytes));
    this.#limits.lines = Math.max(1, Math.min(before.lines, lines ?? before.lines));
    if (batches.length < 2) {
      throw failure;
    }
    if (this.#limits.bytes === before.bytes && this.#limits.lines === before.lines) {
      this.#requestBytes = Math.max(1, Math.floor(Math.min(this.#requestBytes, before.bytes, sizeOf(batches)) / 2));
      this.#batchBytes = Math.min(this.#batchBytes, this.#requestBytes);
      this.#deliveries = 0;
    }
  }

  /** Throws unless the next link that the log expects is pending. */
  #check(chain: string, { seq: expected, failure }: SendResult & { kind: "from" }): void {
    const batches = this.#ofChain(chain);
    const [first] = batches;
    if (expected > (batches.at(-1)?.to ?? 0)) {
      throw failure;
    }
    if (first !== undefined && expected < first.from) {
      const message = `the log requests ${chain}/${expected}, although it proved that it contains it`;
      const hint = "contact the log operator, because the log lost entries or was reset; keep the receipts as evidence";
      throw new Failure("denied", new CountersignError("log.rollback", message, { hint }), failure.retryAfter);
    }
  }

  /** Counts a rejection. The chain is dead after several with no delivery in between. */
  #denied(chain: string, { error: { code, message, hint = "", line }, retryAfter }: Failure): Failure {
    const before = this.#denials.get(chain);
    const times = before?.code === code ? before.times + 1 : 1;
    this.#denials.set(chain, { code, times });
    // Sending one by one delivers the batches before the rejected one.
    this.#single.add(chain);
    const isDead = times >= DENIALS_UNTIL_DEAD;
    const todo = `${hint}. ${isDead ? "A new chain was started" : "The request is retried"}`;
    return new Failure(
      isDead ? "dead" : "chain",
      new CountersignError(code, message, { hint: todo, line }),
      retryAfter,
    );
  }

  /** Resets the failure state of a chain. */
  #forget(chain: string): void {
    this.#denials.delete(chain);
    this.#single.delete(chain);
    this.#backoff.delete(chain);
  }
}

function sizeOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { lines }) => sum + lines.length, 0);
}

/** Resolves callers that await these events. Receipts are created only on access. */
function settle(batches: readonly Batch[], { proof, index }: Confirmation): void {
  let links: string[] | undefined;
  const [head] = batches;
  for (const { chain, from, pending } of batches) {
    pending.forEach((one, nth) => {
      const seq = Math.max(from, 1) + nth;
      one.deliver((): Receipt => {
        links ??= batches.flatMap(linksOf);
        return { chain, seq, links: links.slice(seq - (head?.from ?? 0)), index, proof };
      });
    });
  }
}
