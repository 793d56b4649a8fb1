/** The state of a recorded event, from its storage in the outbox to the proof that it's in the log. */

import { CountersignError } from "../error.js";
import { type Deferred, deferred } from "../promises.js";

/**
 * Proof that an event is in the log. It can be verified offline with the log's public key; with the option `tenants`, with
 * that of the root log and the origin of the tenant's log.
 */
export interface Receipt {
  readonly chain: string;
  /** The event's position in its chain, from 0. */
  readonly seq: number;
  /**
   * The event's link, followed by the links up to the one that `proof` covers; usually just the event's own. Each link
   * commits to the previous one by `prev`. Empty if an event with this `id` was delivered before: its first receipt has
   * the links and the proof.
   */
  readonly links: readonly string[];
  /** The index of the last of `links` in the log; null if the recorder has no log, or without `links`. */
  readonly index: number | null;
  /**
   * A C2SP tlog-proof of the last of `links`, or with the option `tenants` the text of a receipt (SPEC section 16.8); null
   * if the recorder has no log, or without `links`.
   */
  readonly proof: string | null;
}

/**
 * A recorded event. With `tenants`, its promises wait for the copies in all logs, and reject with the first failure, which
 * has the `tenant`. `delivered()` then resolves with the first tenant's receipt.
 */
export interface Handle {
  /**
   * Resolves when the event is in the outbox's storage and survives a kill. Without an outbox it resolves immediately,
   * although events in memory don't survive a kill.
   *
   * Rejects if the outbox could not store the event, which may still be delivered, also because the outbox can't be used
   * where the program runs (`outbox.unavailable`); and with `recorder.lost` if the program has nothing else to do and the
   * outbox does not respond.
   */
  stored(): Promise<void>;
  /**
   * Resolves when the event is proven to be in the log. If the recorder flushes automatically, the call starts a flush.
   *
   * Rejects if the event will never be in the log. If a program (Node.js, Deno, Bun) has nothing to do but wait for
   * this, the recorder keeps trying for 5 more seconds; then this rejects with `recorder.lost`, or with the reason for
   * the failed delivery if the event is in the outbox.
   */
  delivered(): Promise<Receipt>;
  /** The handles of the copies of an event with several `tenants`, in their order. Undefined for all other events. */
  readonly tenants?: ReadonlyMap<string, Handle> | undefined;
}

/** An event that the recorder accepted and that may not be delivered yet. */
export class PendingEvent implements Handle {
  /** The event's number among the recorder's events, from 1. */
  readonly number: number;
  /** The number of events that are lost if this one is: a `countersign.dropped` event represents several. */
  readonly count: number;
  /** Size in bytes of UTF-8; set by the chain. */
  bytes = 0;
  /** Number of values, or parts of strings, that were redacted. */
  redacted = 0;
  /** The ID of its entry in the outbox, once it has one. */
  id: number | undefined;
  // Few callers ask for the outcome of an event, so its promises are created only on request or on failure.
  #isStored = false;
  #stored: Deferred<void> | undefined;
  /** True if an attempt to store the event failed. */
  #isStoreFailed = false;
  /** The next attempt to store it, for callers that recorded the event again after a failure. */
  #storedAgain: Deferred<void> | undefined;
  #receipt: (() => Receipt) | undefined;
  #delivered: Deferred<() => Receipt> | undefined;
  #isFailed = false;
  /** Asks the recorder to deliver the event soon. */
  readonly #deliverSoon: () => void;

  constructor(number: number, deliverSoon: () => void, id?: number, count = 1) {
    this.#deliverSoon = deliverSoon;
    this.number = number;
    this.id = id;
    this.count = count;
  }

  async stored(): Promise<void> {
    // A failure to store the event stays reported, even if it is stored later.
    if (!this.#isStored || this.#stored !== undefined) {
      this.#stored ??= quietDeferred();
      await this.#stored.promise;
    }
  }

  async delivered(): Promise<Receipt> {
    if (this.#receipt !== undefined) {
      return this.#receipt();
    }
    this.#delivered ??= quietDeferred();
    if (!this.#isFailed) {
      this.#deliverSoon();
    }
    return (await this.#delivered.promise)();
  }

  /** True if the event is, or was, in the outbox. Without an outbox it is always true. */
  get isKept(): boolean {
    return this.#isStored;
  }

  /** True if the outbox could not store the event, and does not contain it yet. */
  get isUnstored(): boolean {
    return this.#isStoreFailed && !this.#isStored;
  }

  /**
   * Returns the handle for a caller that recorded the event again. Earlier failures to store the event don't count: its
   * `stored()` settles with the next attempt, which the recorder must start.
   */
  again(): Handle {
    if (!this.#isStoreFailed) {
      return this;
    }
    this.#storedAgain ??= this.#isStored ? undefined : quietDeferred();
    const stored = this.#storedAgain?.promise;
    return { stored: async () => stored, delivered: () => this.delivered() };
  }

  /** True if its receipt exists. */
  get isDelivered(): boolean {
    return this.#receipt !== undefined;
  }

  /** True if the event will never be delivered. */
  get isFailed(): boolean {
    return this.#isFailed;
  }

  /** @internal */
  keep(error?: unknown): void {
    if (error === undefined) {
      this.#isStored = true;
      this.#stored?.resolve();
      this.#storedAgain?.resolve();
    } else if (!this.#isStored) {
      this.#isStoreFailed = true;
      this.#stored ??= quietDeferred();
      this.#stored.reject(error);
      this.#storedAgain?.reject(error);
    }
    this.#storedAgain = undefined;
  }

  /** True if a caller awaits `stored()` or `delivered()`. */
  get isAwaited(): boolean {
    const isOpen = this.#receipt === undefined && !this.#isFailed;
    const isUnstored = !this.#isStored && (this.#stored !== undefined || this.#storedAgain !== undefined);
    return (isOpen && this.#delivered !== undefined) || isUnstored;
  }

  /**
   * @internal Rejects pending `stored()` and `delivered()` calls because the program has nothing else to do. The event
   * may still be delivered, and later calls wait for that.
   */
  giveUp(error: unknown): void {
    if (!this.#isStored) {
      this.#stored?.reject(error);
      this.#stored = undefined;
      this.#storedAgain?.reject(error);
      this.#storedAgain = undefined;
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
      this.#delivered ??= quietDeferred();
      this.#delivered.reject(error);
    }
  }
}

/** Returns the number of events that are lost if these are. */
export function countOf(events: readonly PendingEvent[]): number {
  return events.reduce((sum, { count }) => sum + count, 0);
}

/** Returns a deferred whose rejection never counts as unhandled. */
export function quietDeferred<T>(): Deferred<T> {
  const quiet = deferred<T>();
  quiet.promise.catch(() => {});
  return quiet;
}

/**
 * Returns the handle of an event that was recorded before, which is stored. `place` returns its place once it is
 * delivered, and `flush` delivers it.
 */
export function repeatedHandle(
  place: () => { readonly chain: string; readonly seq: number } | undefined,
  flush: () => Promise<void>,
): Handle {
  return {
    stored: async () => {},
    delivered: async () => {
      try {
        await (place() ?? flush());
      } catch (error) {
        // A flush that fails because of other events may have delivered this one.
        if (place() === undefined) {
          throw error;
        }
      }
      const found = place();
      if (found === undefined) {
        throw new CountersignError("recorder.failed", "the first event with this `id` was not delivered", {
          hint: "call delivered() again",
        });
      }
      return { ...found, links: [], index: null, proof: null };
    },
  };
}

/** Returns the handle of an event that is in memory because the outbox can't be used. */
export function unstoredHandle(handle: Handle, outboxError: CountersignError): Handle {
  return { stored: () => Promise.reject(outboxError), delivered: () => handle.delivered() };
}

/** Returns the handle of an input that isn't a valid event. */
export function invalidHandle(error: CountersignError): Handle {
  return { stored: () => Promise.reject(error), delivered: () => Promise.reject(error) };
}

/** Returns the handle of an event that was dropped because the recorder is full. */
export function droppedHandle(): Handle {
  const error = () =>
    new CountersignError("recorder.full", "the event was dropped because the recorder is full", {
      hint: "check why deliveries fail (status().lastError), or raise maxWaitingBytes",
    });
  return { stored: () => Promise.reject(error()), delivered: () => Promise.reject(error()) };
}
