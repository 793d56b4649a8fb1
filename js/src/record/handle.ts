/** What becomes of an event after it was recorded. */

import { CountersignError } from "../error.js";

/** That an event is in the log, for whoever has it and the log's key: no one has to be asked. */
export interface Receipt {
  readonly chain: string;
  /** The event's place in its chain. */
  readonly seq: number;
  /**
   * The event's link and those after it up to the one that `proof` is of, mostly none: each commits to the one before
   * it by `prev`.
   */
  readonly links: readonly string[];
  /** The index of the last of `links` in the log; null where there is no log. */
  readonly index: number | null;
  /** A C2SP tlog-proof of the last of `links`; null where there is no log. */
  readonly proof: string | null;
}

/** An event that was recorded. */
export interface Handle {
  /**
   * Resolves when the event is in the outbox's storage: only then does it survive a kill. In memory it survives
   * nothing, and this resolves at once. Rejects when the outbox could not keep it; it may be delivered all the same.
   */
  stored(): Promise<void>;
  /**
   * Resolves when the event is proven to be in the log, and has it flushed at once where the recorder flushes by
   * itself. Rejects when it never will be there.
   */
  delivered(): Promise<Receipt>;
}

/** The end of a wait: nothing but a state until somebody asks for a promise. */
class Outcome<T> {
  #settled: { value: T } | { error: unknown } | undefined;
  #waiting: { resolve: (value: T) => void; reject: (error: unknown) => void }[] | undefined;

  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  resolve(value: T): void {
    this.#settle({ value });
  }

  reject(error: unknown): void {
    this.#settle({ error });
  }

  promise(): Promise<T> {
    const settled = this.#settled;
    if (settled !== undefined) {
      return "value" in settled ? Promise.resolve(settled.value) : Promise.reject(settled.error);
    }
    return new Promise((resolve, reject) => {
      this.#waiting ??= [];
      this.#waiting.push({ resolve, reject });
    });
  }

  #settle(settled: { value: T } | { error: unknown }): void {
    this.#settled ??= settled;
    for (const { resolve, reject } of this.#waiting ?? []) {
      if ("value" in settled) {
        resolve(settled.value);
      } else {
        reject(settled.error);
      }
    }
    this.#waiting = undefined;
  }
}

/** An event that the recorder took. */
export class Taken implements Handle {
  /** How many were recorded with it. */
  readonly number: number;
  /** How many bytes of UTF-8 it has; the chain that it is in counts them. */
  bytes = 0;
  /** How many values, or parts of texts, were redacted of it. */
  redacted = 0;
  /** Its entry in the outbox, once it was given one. */
  id: number | undefined;
  // Most events are never asked about: what only tells somebody is made for who asks.
  #isStored = false;
  #stored: Outcome<void> | undefined;
  #receipt: (() => Receipt) | undefined;
  #delivered: Outcome<() => Receipt> | undefined;
  /** Has it delivered soon. */
  readonly #hasten: () => void;

  constructor(number: number, hasten: () => void, id?: number) {
    this.#hasten = hasten;
    this.number = number;
    this.id = id;
  }

  stored(): Promise<void> {
    if (this.#isStored && this.#stored === undefined) {
      return Promise.resolve();
    }
    // Once it was said that it could not be kept, that stays so, though it was kept later.
    this.#stored ??= new Outcome();
    return this.#stored.promise();
  }

  async delivered(): Promise<Receipt> {
    if (this.#receipt !== undefined) {
      return this.#receipt();
    }
    this.#delivered ??= new Outcome();
    if (!this.#delivered.isSettled) {
      this.#hasten();
    }
    return (await this.#delivered.promise())();
  }

  /** Whether it is in the outbox, or was; in memory alone it counts as kept. */
  get isKept(): boolean {
    return this.#isStored;
  }

  /** @internal */
  keep(error?: unknown): void {
    if (error === undefined) {
      this.#isStored = true;
      this.#stored?.resolve();
    } else if (!this.#isStored) {
      this.#stored ??= new Outcome();
      this.#stored.reject(error);
    }
  }

  /** @internal */
  deliver(receipt: () => Receipt): void {
    this.keep();
    if (this.#delivered?.isSettled !== true) {
      this.#receipt = receipt;
      this.#delivered?.resolve(receipt);
    }
  }

  /** @internal */
  fail(error: unknown): void {
    if (this.#receipt === undefined) {
      this.#delivered ??= new Outcome();
      this.#delivered.reject(error);
    }
  }
}

/** What was recorded and is no event. */
export function invalidHandle(error: CountersignError): Handle {
  return { stored: () => Promise.reject(error), delivered: () => Promise.reject(error) };
}

/** An event for which there was no room. */
export function droppedHandle(): Handle {
  const error = () =>
    new CountersignError("recorder.full", "the event was dropped: too much waits to be handed on", {
      hint: "a countersign.dropped event will say how many were; find out why flushes fail, or raise limitBytes",
    });
  return { stored: () => Promise.reject(error()), delivered: () => Promise.reject(error()) };
}
