/** One chain, recorded in order and handed on in signed pieces. */

import { CountersignError } from "../error.js";
import { type CoreRecorder, inCore } from "./core.js";
import type { AuditEvent } from "./event.js";
import { toJson } from "./json.js";
import type { Transport } from "./memory.js";

/** What a chain is recorded with. */
export interface Setup {
  origin: string;
  /** The first line of an export. */
  header: string;
  /** Signs what the core does not sign itself. */
  sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;
  /** Checks a signature from outside that the core cannot check itself. */
  verifies: ((bytes: Uint8Array<ArrayBuffer>, signature: Uint8Array) => Promise<boolean>) | undefined;
  to: Transport;
  limitBytes: number;
  now: () => number;
  random: (bytes: Uint8Array<ArrayBuffer>) => unknown;
}

/** Records events into one chain. */
export class Recorder {
  /** The log that the chain names. */
  readonly origin: string;

  #core: CoreRecorder;
  #setup: Setup;
  #nonce: Uint8Array | undefined;
  /** Whether a signature from outside was found to be of the chain's key. */
  #signerKnown = false;
  /** Lines that the transport has not taken yet. */
  #pending: Uint8Array<ArrayBuffer>[] = [];
  #pendingBytes = 0;
  /** The end of the last flush that was asked for. */
  #last: Promise<unknown> = Promise.resolve();
  #chain: string | undefined;
  #begun = false;
  #closed = false;

  /** @internal */
  constructor(core: CoreRecorder, setup: Setup) {
    this.#core = core;
    this.#setup = setup;
    this.origin = setup.origin;
  }

  /** The chain: 32 characters of hex. There is none before the first flush. */
  get chain(): string | undefined {
    return this.#chain;
  }

  /** How many events wait for the next flush. */
  get queued(): number {
    return this.#closed ? 0 : this.#core.queued;
  }

  /**
   * Takes an event, at this moment: checks it, redacts it and queues it. Throws where it lacks a required member, has
   * one of a wrong type, or holds what JSON cannot carry; nothing was queued then.
   */
  record(event: AuditEvent): void {
    this.#queue(toJson(event), true);
  }

  /**
   * Takes any JSON object as text, or as text in UTF-8. Nothing parses it on the way, so no number is rounded. Its
   * members need not be those of {@link AuditEvent}.
   */
  recordJson(json: string | Uint8Array): void {
    this.#queue(typeof json === "string" ? wellFormed(json) : decode(json), false);
  }

  /**
   * Makes links of all that was recorded before, signs the last one, and hands the lines to the transport. After a
   * failure call it again: nothing is lost, and nothing is handed on twice that the transport took.
   *
   * Flushes follow each other, one at a time, in the order of the calls.
   */
  flush(): Promise<void> {
    return this.#enqueue(false);
  }

  /** Flushes and ends the chain: a close link says that nothing after it was cut off. Nothing can be recorded after. */
  close(): Promise<void> {
    return this.#enqueue(true);
  }

  #queue(json: string, typed: boolean): void {
    if (this.#closed) {
      throw new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
    }
    // Its UTF-8 is no shorter than this.
    if (this.#core.queuedBytes + this.#pendingBytes + json.length > this.#setup.limitBytes) {
      throw new CountersignError("recorder.full", "too much waits to be handed on", {
        hint: "flush more often, find out why flushes fail, or raise limitBytes",
      });
    }
    const salt = this.#random();
    inCore(() => this.#core.record(json, this.#setup.now(), salt, typed));
  }

  #enqueue(close: boolean): Promise<void> {
    const flushed = this.#last.then(() => this.#flush(close));
    this.#last = flushed.catch(() => {});
    return flushed;
  }

  async #flush(close: boolean): Promise<void> {
    if (!this.#closed) {
      await this.#write(close);
    }
    await this.#deliver();
  }

  /** Writes links of what is queued, and keeps their lines for the transport. */
  async #write(close: boolean): Promise<void> {
    const core = this.#core;
    const now = this.#setup.now();
    this.#nonce ??= this.#random();
    const nonce = this.#nonce;
    inCore(() => core.begin(now, nonce, close, 0));
    for (;;) {
      const bytes = inCore(() => core.step(now)) as Uint8Array<ArrayBuffer> | undefined;
      if (bytes === undefined) {
        break;
      }
      const signature = await this.#sign(bytes);
      inCore(() => core.sign(signature));
    }
    this.#chain = core.chain;
    const lines = core.take() as Uint8Array<ArrayBuffer>;
    if (lines.length > 0) {
      const header = new TextEncoder().encode(this.#begun ? "" : this.#setup.header);
      const chunk = new Uint8Array([...header, ...lines]);
      this.#begun = true;
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
    }
    if (close) {
      this.#closed = true;
      core.free();
    }
  }

  async #sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { sign, verifies } = this.#setup;
    let signature: Uint8Array;
    try {
      signature = await sign(bytes);
    } catch (cause) {
      throw new CountersignError("signer.failed", "the signer gave no signature", {
        hint: "what was recorded is kept: flush again",
        cause,
      });
    }
    if (!this.#signerKnown && verifies !== undefined) {
      if (!(await verifies(bytes, signature))) {
        throw new CountersignError("signature.invalid", "the signature does not verify under the chain's key", {
          hint: "the signer holds another key than its vkey says",
        });
      }
      this.#signerKnown = true;
    }
    return signature;
  }

  async #deliver(): Promise<void> {
    for (let chunk = this.#pending[0]; chunk !== undefined; chunk = this.#pending[0]) {
      try {
        await this.#setup.to(chunk);
      } catch (cause) {
        throw new CountersignError("transport.failed", "the lines could not be handed on", {
          hint: "they are kept: flush again",
          cause,
        });
      }
      this.#pending.shift();
      this.#pendingBytes -= chunk.length;
    }
  }

  #random(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(16);
    this.#setup.random(bytes);
    return bytes;
  }
}

/** Half of a surrogate pair has no UTF-8, and would be replaced on the way. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) {
    throw new CountersignError("event.invalid", "half of a surrogate pair", { hint: "write both halves, or U+FFFD" });
  }
  return text;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CountersignError("event.invalid", "not UTF-8", { hint: "JSON text is UTF-8", cause });
  }
}
