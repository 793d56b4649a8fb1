/** A chain being written: its queue, and the links made from it. */

import type { Batch } from "../deliver/batch.js";
import { CountersignError } from "../error.js";
import { within } from "../timers.js";
import type { Recorder as CoreRecorder } from "../wasm/recorder.js";
import { coded, inCore, salted } from "./core.js";
import type { PendingEvent } from "./handle.js";
import type { Signing } from "./signer.js";

/** Signs a chain's links, unless the core does. */
export interface Seal extends Omit<Signing, "key"> {
  /** Timeout for a signature, in milliseconds. */
  timeout: number;
}

/** Sources of times, random bytes, and IDs for links, and the redaction of events. */
export interface LinkContext {
  now: () => number;
  /** Fills bytes with cryptographically secure random values. */
  random: (bytes: Uint8Array<ArrayBuffer>) => unknown;
  /** Returns the outbox ID for the next batch. */
  id: () => number;
  /** True if a part of this event, given as JSON, would be redacted. */
  redacts: (json: string) => boolean;
}

/** The state of a chain. linker.ts describes the transitions. */
export type ChainState =
  /** Accepts events. */
  | "open"
  /** Accepts no more events. Links for the queued events and a close link are due. */
  | "closing"
  /** Its close link waits for a signature. */
  | "sealed"
  /** All its links are in batches. */
  | "closed"
  /** Given up. Its queued events moved to another chain. */
  | "dead";

/** Estimated size of a link without its event, in bytes. */
export const LINK = 400;

export class Chain {
  readonly #core: CoreRecorder;
  readonly #seal: Seal;
  readonly #context: LinkContext;
  #nonce: Uint8Array<ArrayBuffer> | undefined;
  /** Events in the order of the core's queue. */
  #queue: PendingEvent[] = [];
  /** 32 hex characters, once there is a link. */
  name: string | undefined;
  /** The `seq` of the next link. */
  #next = 0;
  #state: ChainState = "open";
  /** True if the signer is known to hold the chain's private key. */
  #signerKnown: boolean;
  /** Counts signing attempts, so that an abandoned one has no effect. */
  #attempt = 0;

  constructor(core: CoreRecorder, seal: Seal, context: LinkContext) {
    this.#core = core;
    this.#seal = seal;
    this.#signerKnown = seal.checks === "none";
    this.#context = context;
  }

  /** Events without a link. */
  get queue(): readonly PendingEvent[] {
    return this.#queue;
  }

  /** True if the program can record no more events in it. */
  get isEnded(): boolean {
    return this.#state !== "open";
  }

  /** True if it accepts no events at all, not even the recorder's own. */
  get isSealed(): boolean {
    return this.isEnded && this.#state !== "closing";
  }

  /** True if no more links will be made. */
  get #isOver(): boolean {
    return this.#state === "closed" || this.#state === "dead";
  }

  /** True if there are links to make. */
  get hasWork(): boolean {
    return this.#queue.length > 0 || (this.isEnded && !this.#isOver);
  }

  /** True if one batch of about this many bytes would hold the whole queue. */
  linksAll(bytes: number): boolean {
    return this.#count(bytes) === this.#queue.length;
  }

  /** True if links are made without waiting for a signer. */
  get isSwift(): boolean {
    return this.#seal.sign === undefined;
  }

  /** True if a part of this event would be redacted. */
  redacts(json: string): boolean {
    return this.#context.redacts(json);
  }

  record(json: string, typed: boolean, now: number, pending: PendingEvent): void {
    try {
      pending.bytes = this.#core.record(salted(json, this.#context.random), now, typed);
      pending.redacted = this.#core.redacted;
    } catch (error) {
      throw coded(error);
    }
    this.#queue.push(pending);
  }

  /** Queues an event in its stored form. */
  restore(line: string, pending: PendingEvent): void {
    pending.bytes = inCore(() => this.#core.restore(`${line}\n`));
    this.#queue.push(pending);
  }

  /** Returns the lines to store of events recorded since the last call. */
  unstored(): string[] {
    if (this.#isOver) {
      return [];
    }
    const lines = inCore(() => this.#core.unstored());
    return lines === "" ? [] : lines.slice(0, -1).split("\n");
  }

  /** Returns the queued events, each with the line to store. */
  queued(): { line: string; pending: PendingEvent }[] {
    if (this.#queue.length === 0) {
      return [];
    }
    const lines = inCore(() => this.#core.queuedLines()).split("\n");
    return this.#queue.map((pending, nth) => ({ line: lines[nth] ?? "", pending }));
  }

  /** Ends the chain after the queued events, with a close link. */
  end(): void {
    if (this.#state === "open") {
      this.#state = "closing";
    }
  }

  /**
   * Abandons the chain. Returns its queued events for another chain, including those whose links were made but not
   * signed.
   */
  abandon(): { lines: string[]; pending: readonly PendingEvent[] } {
    if (this.#isOver) {
      return { lines: [], pending: [] };
    }
    this.#attempt++;
    const lines = inCore(() => this.#core.queuedLines());
    const pending = this.#queue;
    this.#queue = [];
    this.#state = "dead";
    this.#core.free();
    return { lines: lines === "" ? [] : lines.slice(0, -1).split("\n"), pending };
  }

  /** Number of queued events whose links wait for a signature. */
  get #linked(): number {
    return this.#queue.length - this.#core.queued;
  }

  /**
   * Makes links of the next events, about `bytes` in size, and signs the last one. A new call replaces one that still
   * waits for its signer. `linked` gets the batch in the same step in which it leaves the queue, so that events are
   * always in one of the two.
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

  /** Makes the next batch synchronously. Returns undefined if signing is asynchronous, or if no links are due. */
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
    const now = this.#context.now();
    if (this.#nonce === undefined) {
      this.#nonce = new Uint8Array(16);
      this.#context.random(this.#nonce);
    }
    const nonce = this.#nonce;
    // Unsigned links of the last attempt are included again. The count is never 0, which means "all" to the core.
    const linked = this.#linked;
    const count = Math.min(Math.max(this.#count(bytes), linked + 1), this.#queue.length);
    const close = this.isEnded && count === this.#queue.length;
    if (close) {
      this.#state = "sealed";
    }
    inCore(() => this.#core.begin(now, nonce, close, count - linked));
    return { count, now };
  }

  /** Returns how many events fit into a batch of about this many bytes: at least one, if any are queued. */
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
    const pending = this.#queue.splice(0, count);
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
    return { id: this.#context.id(), chain: this.name, from, to: this.#next - 1, lines, pending, isStored: false };
  }

  #signed(signature: Uint8Array): void {
    inCore(() => this.#core.sign(signature, this.#signerKnown));
    this.#signerKnown ||= this.#seal.checks === "first";
  }

  async #sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { sign, timeout } = this.#seal;
    const late = () => new Error(`no signature within ${timeout} ms`);
    try {
      return sign === undefined ? new Uint8Array() : await within(timeout, sign(bytes), late);
    } catch (cause) {
      throw new CountersignError("signer.failed", "the signer did not return a signature", {
        hint: "check the signer and flush again; events stay queued",
        cause,
      });
    }
  }
}
