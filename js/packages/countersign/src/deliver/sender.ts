/**
 * Sends batches to the destination: those of a chain in order, and each is kept until the log proves that it has it.
 * Knows how much goes together, which chains wait after a failure, and how often the log denied one. It calls nobody
 * back: `deliver` returns what became of a chain, and its owner decides whether the chain's events go elsewhere.
 */

import { CountersignError } from "../error.js";
import type { RecorderOutbox } from "../outbox/recorder-outbox.js";
import type { Receipt } from "../record/handle.js";
import type { Waits } from "../timers.js";
import { ChainBackoff } from "./backoff.js";
import { type Batch, linksOf } from "./batch.js";
import type { Delivered, Destination, Sent } from "./destination.js";
import { Failure } from "./failure.js";

/** How much is sent at one time. */
export interface Limits {
  bytes: number;
  lines: number;
}

/** Well below what a log server takes, and little to send again. */
const LIMITS: Limits = { bytes: 1 << 20, lines: 4_096 };

/** After so many deliveries with no refusal between, twice as much goes together where no limit was said. */
const PROVEN = 16;

/** What a page that is going away may still send; the browser's own limit is 64 KiB for all requests together. */
export const KEEPALIVE = 60 << 10;

/** How often a log server has to say that a chain cannot go on before it is believed: what it says there is not signed. */
const DENIALS = 3;

/** How batches are sent. */
export interface SenderOptions {
  timeout: number;
  /** How long a chain waits after a failure of its own. */
  waits: Waits;
  /** Whether what is sent now must outlive the page. */
  leaving: () => boolean;
}

/** The newest proof that was verified. */
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
  /** What the log server takes, as far as it said so. */
  readonly #limits: Limits = { ...LIMITS };
  /** How many bytes of batches go together at most: less where something refused them and said no limit that helps. */
  #together = LIMITS.bytes;
  /** The least that this ever was: what is signed together cannot be split, and is never large again. */
  #batchBytes = LIMITS.bytes;
  /** How many deliveries there were since. */
  #proven = 0;
  /** How many batches go together at most, after some took too long; with each delivery twice as many. */
  #most = Number.POSITIVE_INFINITY;
  #pending: Batch[] = [];
  /**
   * Chains whose batches are sent one by one. Of several that were refused together the log may have the first, where
   * its answer was lost; it is a repeat then, and taken.
   */
  readonly #single = new Set<string>();
  /** How often in a row it was said why a chain cannot go on. */
  readonly #denials = new Map<string, { code: string; times: number }>();
  readonly #backoff: ChainBackoff;
  #sending: readonly Batch[] = [];
  /** Batches of a refused chain whose events go into another. */
  #claimed: readonly Batch[] = [];
  /** Bytes of lines that are not delivered and can be. */
  bytes: number = 0;
  /** The newest proof. */
  last: LastProof | undefined;

  constructor(destination: Destination, outbox: RecorderOutbox, options: SenderOptions) {
    this.#destination = destination;
    this.#outbox = outbox;
    this.#options = options;
    this.#backoff = new ChainBackoff(options.waits);
  }

  /** All that is not delivered and can be. */
  get pending(): readonly Batch[] {
    return this.#pending;
  }

  /** The same, and what is on its way from one chain into another. */
  get owed(): readonly Batch[] {
    return [...this.#pending, ...this.#claimed];
  }

  /** The chains with something pending, in the order in which they are delivered. */
  get chains(): ReadonlySet<string> {
    return new Set(this.#pending.map(({ chain }) => chain));
  }

  /** True if a chain waits after a failure of its own. */
  isWaiting(chain: string | undefined): boolean {
    return this.#backoff.has(chain);
  }

  /** Milliseconds until a chain that waits is tried again by itself. */
  get retryInMs(): number | undefined {
    return this.#backoff.next;
  }

  /** Has the next delivery try all chains that wait. */
  wake(): void {
    this.#backoff.wake();
  }

  /** Bytes that are to be delivered before more of a chain is: those of other chains that wait hold up nothing. */
  bytesBefore(chain: string | undefined): number {
    if (this.#backoff.size === 0) {
      return this.bytes;
    }
    return sizeOf(this.#pending.filter((batch) => batch.chain === chain || !this.#backoff.has(batch.chain)));
  }

  /** How many events are being sent now. */
  get inFlight(): number {
    return this.#sending.reduce((sum, { taken }) => sum + taken.length, 0);
  }

  /** As many bytes as a batch may have so that a log server takes it. */
  get mostBytes(): number {
    return Math.min(this.#limits.bytes, this.#batchBytes);
  }

  add(batch: Batch): void {
    this.#pending.push(batch);
    this.bytes += batch.lines.length;
  }

  /**
   * Keeps a batch in the outbox, and before it what is pending of its chain and not kept yet: nothing behind a gap could
   * ever be delivered by whoever opens the outbox next.
   */
  async keep({ chain, to }: Batch): Promise<void> {
    for (const batch of this.#ofChain(chain)) {
      if (batch.to <= to && !batch.kept) {
        await this.#outbox.keep(batch);
      }
    }
  }

  /**
   * Delivers a chain until nothing of it is pending. Returns the failure that stops this chain and no other, and throws
   * one that stops them all. `alive` is asked after each wait whether this is still to go on. With `asked` the chain
   * waits no longer than the log server asked for. After "refused" and "dead" the owner decides what becomes of the
   * chain; after any other failure it waits.
   */
  async deliver(chain: string, alive: () => boolean, asked: boolean): Promise<Failure | undefined> {
    const waiting = this.#backoff.hold(chain, asked);
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
      if (!(failure instanceof Failure) || failure.scope === "log_server") {
        throw failure;
      }
      if (failure.scope === "chain") {
        this.#backoff.add(chain, failure);
      }
      return failure;
    }
  }

  /** Drops a chain that never can go on. Returns what was pending of it, which stays in the outbox. */
  drop(chain: string): readonly Batch[] {
    const batches = this.#ofChain(chain);
    this.#remove(batches);
    this.#forget(chain);
    return batches;
  }

  /** Takes the batches of a refused chain, so that their events can be queued for another. Until `endClaim` they are owed. */
  claim(chain: string): readonly Batch[] {
    const batches = this.#ofChain(chain);
    this.#remove(batches);
    this.#claimed = batches;
    return batches;
  }

  /** Ends a claim. Given why the chain was refused, the batches go back to where they were, and the chain waits. */
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

  /** Sends what it can without waiting for anything: the page is going away. */
  leave(): void {
    const first = this.#pending.find(({ chain }) => this.#backoff.hold(chain, true) === undefined);
    const batches =
      first === undefined ? [] : this.#nextBatches(first.chain, 0, { ...this.#limits, bytes: KEEPALIVE }, true);
    if (batches.length > 0) {
      // Nobody will be there for the answer. What the outbox has is sent again by whoever opens it next.
      this.#destination.send(batches, { timeout: this.#options.timeout, keepalive: true }).catch(() => {});
    }
  }

  #ofChain(chain: string): Batch[] {
    return this.#pending.filter((batch) => batch.chain === chain);
  }

  /** Batches of a chain from that `seq` on, as many as may go together: at least one, unless they must be small. */
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
        bytes > limits.bytes || lines > limits.lines || batches.length >= this.#most || this.#single.has(chain);
      if (isMuch && (small || batches.length > 0)) {
        break;
      }
      if (small && !batch.kept) {
        break;
      }
      batches.push(batch);
    }
    return batches;
  }

  async #step(chain: string, alive: () => boolean): Promise<void> {
    // The log may say once where it stands, and is believed once.
    for (let from = 0, moved = false; ; moved = true) {
      const batches = await this.#kept(chain, from, alive);
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

  /** The next batches, all of it in the outbox: what was sent and is not there would be recorded anew after a kill. */
  async #kept(chain: string, from: number, alive: () => boolean): Promise<Batch[]> {
    const { bytes, lines } = this.#limits;
    const limits = { lines, bytes: this.#options.leaving() ? KEEPALIVE : Math.min(bytes, this.#together) };
    const kept: Batch[] = [];
    for (const batch of this.#nextBatches(chain, from, limits)) {
      const error = await this.keep(batch).catch((error: CountersignError) => error);
      // Of what the outbox never had nothing can be recorded anew.
      if (error && batch.taken.some(({ id }) => id !== undefined)) {
        if (kept.length === 0) {
          throw new Failure("log_server", error);
        }
        break;
      }
      kept.push(batch);
      if (!alive()) {
        break;
      }
    }
    return kept;
  }

  /** Looks at a failure: nothing where the first of a chain's batches is to be tried alone. */
  #refused(chain: string, batches: readonly Batch[], failure: unknown): undefined {
    const code = failure instanceof Failure ? failure.error.code : undefined;
    if (code === "log_server.timeout") {
      // The same would take as long each time.
      this.#most = Math.max(1, Math.floor(batches.length / 2));
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

  async #send(batches: readonly Batch[]): Promise<Sent> {
    this.#sending = batches;
    const bytes = sizeOf(batches);
    const keepalive = this.#options.leaving() && bytes <= KEEPALIVE;
    try {
      return await this.#destination.send(batches, { timeout: this.#options.timeout, keepalive });
    } finally {
      this.#sending = [];
    }
  }

  /** A tip that is proven vouches for all links of its chain before it. */
  async #delivered(batches: readonly Batch[], delivered: Delivered): Promise<void> {
    const last = batches.at(-1);
    if (last === undefined) {
      return;
    }
    this.#most *= 2;
    this.#proven += 1;
    if (this.#proven % PROVEN === 0) {
      this.#together = Math.min(this.#together * 2, LIMITS.bytes);
    }
    if (delivered.proof !== null && delivered.index !== null) {
      this.last = { chain: last.chain, seq: last.to, index: delivered.index, proof: delivered.proof };
    }
    this.#forget(last.chain);
    const gone = this.#pending.filter((batch) => batch.chain === last.chain && batch.to <= last.to);
    this.#remove(gone);
    settle(gone, delivered);
    await this.#outbox.remove(gone.map(({ id }) => id)).catch((error: CountersignError) => {
      throw new Failure("log_server", error);
    });
  }

  /** Has less go together from now on. Fails for a batch that is too large alone: its links are signed as they are. */
  #tooLarge(batches: readonly Batch[], { bytes, lines, failure }: Sent & { kind: "less" }): void {
    const before = { ...this.#limits };
    this.#limits.bytes = Math.max(1, Math.min(before.bytes, bytes ?? before.bytes));
    this.#limits.lines = Math.max(1, Math.min(before.lines, lines ?? before.lines));
    if (batches.length < 2) {
      throw failure;
    }
    if (this.#limits.bytes === before.bytes && this.#limits.lines === before.lines) {
      this.#together = Math.max(1, Math.floor(Math.min(this.#together, before.bytes, sizeOf(batches)) / 2));
      this.#batchBytes = Math.min(this.#batchBytes, this.#together);
      this.#proven = 0;
    }
  }

  /** Whether what the log would take next is here. */
  #check(chain: string, { seq: expected, failure }: Sent & { kind: "from" }): void {
    const batches = this.#ofChain(chain);
    const [first] = batches;
    if (expected > (batches.at(-1)?.to ?? 0)) {
      throw failure;
    }
    if (first !== undefined && expected < first.from) {
      const message = `the log asks for ${chain}/${expected}, and had proven to hold it`;
      const hint = "the log lost what it had, or was set back: tell who runs it, and keep the receipts as evidence";
      throw new Failure("denied", new CountersignError("log.rollback", message, { hint }), failure.retryAfter);
    }
  }

  /** Believes that a chain cannot go on when it was said so often, with no delivery between. */
  #denied(chain: string, { error: { code, message, hint = "", line }, retryAfter }: Failure): Failure {
    const before = this.#denials.get(chain);
    const times = before?.code === code ? before.times + 1 : 1;
    this.#denials.set(chain, { code, times });
    // What comes before that which is refused is taken, alone.
    this.#single.add(chain);
    const isDead = times >= DENIALS;
    const todo = `${hint}. ${isDead ? "A new chain has begun" : "It is asked again"}`;
    return new Failure(
      isDead ? "dead" : "chain",
      new CountersignError(code, message, { hint: todo, line }),
      retryAfter,
    );
  }

  /** Forgets how a chain failed. */
  #forget(chain: string): void {
    this.#denials.delete(chain);
    this.#single.delete(chain);
    this.#backoff.delete(chain);
  }
}

function sizeOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { lines }) => sum + lines.length, 0);
}

/** Tells whoever waits. Their receipts are made only when somebody looks at them. */
function settle(batches: readonly Batch[], { proof, index }: Delivered): void {
  let links: string[] | undefined;
  const [head] = batches;
  for (const { chain, from, taken } of batches) {
    taken.forEach((one, nth) => {
      const seq = Math.max(from, 1) + nth;
      one.deliver((): Receipt => {
        links ??= batches.flatMap(linksOf);
        return { chain, seq, links: links.slice(seq - (head?.from ?? 0)), index, proof };
      });
    });
  }
}
