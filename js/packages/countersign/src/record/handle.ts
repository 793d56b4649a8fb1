/** What becomes of an event after it was recorded. */

import { CountersignError } from "../error.js";
import { type Deferred, deferred } from "../promises.js";

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
   * Rejects with `recorder.lost` if the program has nothing else to do and the outbox does not answer.
   */
  stored(): Promise<void>;
  /**
   * Resolves when the event is proven to be in the log, and has it flushed at once where the recorder flushes by
   * itself. Rejects when it never will be there. If the program has nothing else to do than to wait for this (Node.js,
   * Deno, Bun), delivery is tried for 5 more seconds; then this rejects with `recorder.lost`, or with why the event was
   * not delivered if the outbox has it.
   */
  delivered(): Promise<Receipt>;
}

/** An event that the recorder took. */
export class Taken implements Handle {
  /** How many were recorded with it. */
  readonly number: number;
  /** How many events are lost with it: a `countersign.dropped` stands for others. */
  readonly count: number;
  /** How many bytes of UTF-8 it has; the chain that it is in counts them. */
  bytes = 0;
  /** How many values, or parts of texts, were redacted of it. */
  redacted = 0;
  /** Its entry in the outbox, once it was given one. */
  id: number | undefined;
  // Most events are never asked about: what only tells somebody is made for who asks, or for what went wrong.
  #isStored = false;
  #stored: Deferred<void> | undefined;
  #receipt: (() => Receipt) | undefined;
  #delivered: Deferred<() => Receipt> | undefined;
  #isFailed = false;
  /** Has it delivered soon. */
  readonly #hasten: () => void;

  constructor(number: number, hasten: () => void, id?: number, count = 1) {
    this.#hasten = hasten;
    this.number = number;
    this.id = id;
    this.count = count;
  }

  async stored(): Promise<void> {
    // Once it was said that it could not be kept, that stays so, though it was kept later.
    if (!this.#isStored || this.#stored !== undefined) {
      this.#stored ??= unheard();
      await this.#stored.promise;
    }
  }

  async delivered(): Promise<Receipt> {
    if (this.#receipt !== undefined) {
      return this.#receipt();
    }
    this.#delivered ??= unheard();
    if (!this.#isFailed) {
      this.#hasten();
    }
    return (await this.#delivered.promise)();
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
      this.#stored ??= unheard();
      this.#stored.reject(error);
    }
  }

  /** True if somebody waits for what becomes of it. */
  get isAwaited(): boolean {
    const isOpen = this.#receipt === undefined && !this.#isFailed;
    return (isOpen && this.#delivered !== undefined) || (!this.#isStored && this.#stored !== undefined);
  }

  /**
   * @internal Rejects what somebody waits for, because the program has nothing else to do. The event may still be
   * delivered: who asks again waits for that.
   */
  giveUp(error: unknown): void {
    if (!this.#isStored) {
      this.#stored?.reject(error);
      this.#stored = undefined;
    }
    if (this.#receipt === undefined && !this.#isFailed) {
      this.#delivered?.reject(error);
      this.#delivered = undefined;
    }
  }

  /** @internal */
  deliver(receipt: () => Receipt): void {
    this.keep();
    if (!this.#isFailed) {
      this.#receipt = receipt;
      this.#delivered?.resolve(receipt);
    }
  }

  /** @internal */
  fail(error: unknown): void {
    if (this.#receipt === undefined) {
      this.#isFailed = true;
      this.#delivered ??= unheard();
      this.#delivered.reject(error);
    }
  }
}

/** Returns how many events are lost if these are. */
export function countOf(taken: readonly Taken[]): number {
  return taken.reduce((sum, { count }) => sum + count, 0);
}

/** The end of a wait. Who does not ask is not told that it failed. */
export function unheard<T>(): Deferred<T> {
  const end = deferred<T>();
  end.promise.catch(() => {});
  return end;
}

/** What was recorded and is no event. */
export function invalidHandle(error: CountersignError): Handle {
  return { stored: () => Promise.reject(error), delivered: () => Promise.reject(error) };
}

/** An event for which there was no room. */
export function droppedHandle(): Handle {
  const error = () =>
    new CountersignError("recorder.full", "the event was dropped: too much waits to be delivered", {
      hint: "status().dropped counts the dropped events, and countersign.dropped is recorded; find out why deliveries fail, or raise maxWaitingBytes",
    });
  return { stored: () => Promise.reject(error()), delivered: () => Promise.reject(error()) };
}
