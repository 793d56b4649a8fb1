/** One chain that is being written: its queue, and the links made of it. */

import type { Batch } from "../deliver/batch.js";
import { CountersignError } from "../error.js";
import { within } from "../timers.js";
import type { Recorder as CoreRecorder } from "../wasm/recorder.js";
import { coded, inCore, salted } from "./core.js";
import type { Taken } from "./handle.js";
import type { Signing } from "./signer.js";

/** Who signs a chain, where the core does not. */
export interface Seal extends Omit<Signing, "key"> {
  /** How many milliseconds that may take. */
  timeout: number;
}

/** What links are made with. */
export interface Means {
  now: () => number;
  /** Fills bytes so that nobody can guess them. */
  random: (bytes: Uint8Array<ArrayBuffer>) => unknown;
  /** The next batch's entry in the outbox. */
  id: () => number;
}

/** How far a chain is; linker.ts says what leads from one state to another. */
export type ChainState =
  /** Events are queued in it. */
  | "open"
  /** It takes no more events. Links of what is queued are due, and a close link. */
  | "closing"
  /** Its close link is made, and waits for a signature. */
  | "sealed"
  /** All its links are in batches. */
  | "closed"
  /** It was given up, and what it had queued is another chain's. */
  | "dead";

/** What a link adds to its event, about. */
export const LINK = 400;

export class Chain {
  readonly #core: CoreRecorder;
  readonly #seal: Seal;
  readonly #means: Means;
  #nonce: Uint8Array<ArrayBuffer> | undefined;
  /** Events in the order of the core's queue. */
  #queue: Taken[] = [];
  /** 32 characters of hex, once there is a link. */
  name: string | undefined;
  /** The `seq` of the next link. */
  #next = 0;
  #state: ChainState = "open";
  /** Whether who signs is known to hold the chain's key. */
  #signerKnown: boolean;
  /** Counts links asked for, so that one which was given up does nothing more. */
  #attempt = 0;

  constructor(core: CoreRecorder, seal: Seal, means: Means) {
    this.#core = core;
    this.#seal = seal;
    this.#signerKnown = seal.checks === "none";
    this.#means = means;
  }

  /** Events without a link. */
  get queue(): readonly Taken[] {
    return this.#queue;
  }

  /** True if nothing more is to be recorded in it. */
  get isEnded(): boolean {
    return this.#state !== "open";
  }

  /** True if it takes no event any more, not even one that is the recorder's own. */
  get isSealed(): boolean {
    return this.isEnded && this.#state !== "closing";
  }

  /** True if no link of it is to be made any more. */
  get #isOver(): boolean {
    return this.#state === "closed" || this.#state === "dead";
  }

  /** True if there is something to make links of. */
  get hasWork(): boolean {
    return this.#queue.length > 0 || (this.isEnded && !this.#isOver);
  }

  /** Whether a batch of about so many bytes holds all that is queued. */
  linksAll(bytes: number): boolean {
    return this.#count(bytes) === this.#queue.length;
  }

  /** Whether links are made without waiting for a signer. */
  get isSwift(): boolean {
    return this.#seal.sign === undefined;
  }

  record(json: string, typed: boolean, now: number, taken: Taken): void {
    try {
      taken.bytes = this.#core.record(salted(json, this.#means.random), now, typed);
      taken.redacted = this.#core.redacted;
    } catch (error) {
      throw coded(error);
    }
    this.#queue.push(taken);
  }

  /** Queues an event as it was kept. */
  restore(line: string, taken: Taken): void {
    taken.bytes = inCore(() => this.#core.restore(`${line}\n`));
    this.#queue.push(taken);
  }

  /** The lines to keep of events that were recorded since this was asked last. */
  unstored(): string[] {
    const lines = inCore(() => this.#core.unstored());
    return lines === "" ? [] : lines.slice(0, -1).split("\n");
  }

  /** What is queued, with the lines to keep of it. */
  queued(): { line: string; taken: Taken }[] {
    if (this.#queue.length === 0) {
      return [];
    }
    const lines = inCore(() => this.#core.queuedLines()).split("\n");
    return this.#queue.map((taken, nth) => ({ line: lines[nth] ?? "", taken }));
  }

  /** Ends the chain with what is queued now: a close link says so. */
  end(): void {
    if (this.#state === "open") {
      this.#state = "closing";
    }
  }

  /** Takes what is queued out of it, for another chain, and events whose links nobody signed: nobody has seen those. */
  abandon(): { lines: string[]; taken: readonly Taken[] } {
    if (this.#isOver) {
      return { lines: [], taken: [] };
    }
    this.#attempt++;
    const lines = inCore(() => this.#core.queuedLines());
    const taken = this.#queue;
    this.#queue = [];
    this.#state = "dead";
    this.#core.free();
    return { lines: lines === "" ? [] : lines.slice(0, -1).split("\n"), taken };
  }

  /** How many of the queue have links, which wait for a signature. */
  get #linked(): number {
    return this.#queue.length - this.#core.queued;
  }

  /**
   * Makes links of the next events, of about so many bytes, and has the last one signed. Whoever asks anew takes the
   * place of one that still waits for its signer. `linked` has the batch as soon as the queue has it no more: at no
   * moment is it nowhere.
   */
  async link(bytes: number, linked: (batch: Batch) => void): Promise<Batch | undefined> {
    if (!this.hasWork) {
      return undefined;
    }
    const attempt = ++this.#attempt;
    const { count, now } = this.#begin(bytes);
    for (let due = this.#step(now); due !== undefined; due = this.#step(now)) {
      const signature = this.#seal.signNow?.(due) ?? (await this.#sign(due));
      if (attempt !== this.#attempt) {
        return undefined;
      }
      this.#signed(signature);
    }
    const batch = this.#take(count);
    if (batch !== undefined) {
      linked(batch);
    }
    return batch;
  }

  /** The same at once, where signing waits for nothing. */
  linkNow(bytes: number): Batch | undefined {
    if (!this.isSwift || !this.hasWork) {
      return undefined;
    }
    const { count, now } = this.#begin(bytes);
    for (let due = this.#step(now); due !== undefined; due = this.#step(now)) {
      this.#signed(this.#seal.signNow?.(due) ?? new Uint8Array());
    }
    return this.#take(count);
  }

  #begin(bytes: number): { count: number; now: number } {
    const now = this.#means.now();
    if (this.#nonce === undefined) {
      this.#nonce = new Uint8Array(16);
      this.#means.random(this.#nonce);
    }
    const nonce = this.#nonce;
    // Where it was not signed the last time, it is the same again, and perhaps more: none is 0, which would be all.
    const linked = this.#linked;
    const count = Math.min(Math.max(this.#count(bytes), linked + 1), this.#queue.length);
    const close = this.isEnded && count === this.#queue.length;
    if (close) {
      this.#state = "sealed";
    }
    inCore(() => this.#core.begin(now, nonce, close, count - linked));
    return { count, now };
  }

  /** How many events go into a batch of about so many bytes: at least one, if there is any. */
  #count(bytes: number): number {
    let [count, size] = [0, 0];
    for (const one of this.#queue) {
      size += one.bytes + LINK;
      if (size > bytes && count > 0) {
        break;
      }
      count++;
    }
    return count;
  }

  #step(now: number): Uint8Array<ArrayBuffer> | undefined {
    return inCore(() => this.#core.step(now)) as Uint8Array<ArrayBuffer> | undefined;
  }

  #take(count: number): Batch | undefined {
    const lines = inCore(() => this.#core.take()) as Uint8Array<ArrayBuffer>;
    const taken = this.#queue.splice(0, count);
    this.name ??= this.#core.chain;
    const from = this.#next;
    this.#next = this.#core.links;
    if (this.#state === "sealed" && this.#queue.length === 0) {
      this.#state = "closed";
      this.#core.free();
    }
    if (lines.length === 0 || this.name === undefined) {
      return undefined;
    }
    return { id: this.#means.id(), chain: this.name, from, to: this.#next - 1, lines, taken, kept: false };
  }

  #signed(signature: Uint8Array): void {
    inCore(() => this.#core.sign(signature, this.#signerKnown));
    this.#signerKnown ||= this.#seal.checks === "first";
  }

  async #sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { sign, timeout } = this.#seal;
    const late = () => new Error(`nothing came within ${timeout} ms`);
    try {
      return sign === undefined ? new Uint8Array() : await within(timeout, sign(bytes), late);
    } catch (cause) {
      throw new CountersignError("signer.failed", "the signer gave no signature", {
        hint: "what was recorded is kept: flush again",
        cause,
      });
    }
  }
}
