/** The request being handled. The fields that its adapter knows are added to each event recorded within it. */

import { type EventScope, joined } from "../record/scope.js";
import { type AsyncStorage, type AsyncStorageClass, foundStorage } from "./storage.js";

/** The parts of an `AsyncLocalStorage` needed to enter a request without a surrounding function call. */
type Storage = AsyncStorage<CurrentRequest | undefined> & { enterWith?(value: CurrentRequest): void };

/**
 * Key of the storage that all copies of this package share. Bundlers may give the adapter and the recorder separate
 * copies.
 */
const SLOT = Symbol.for("countersign.request.v1");
const shared = globalThis as { [SLOT]?: Storage };

/** Requests that run without `AsyncLocalStorage` and report events recorded meanwhile, which can't be told to be theirs. */
const detached = new Set<CurrentRequest>();

/** A request, from the time its adapter receives it until it is answered. */
export class CurrentRequest {
  readonly #readScope: () => EventScope;
  readonly #onDetached: (() => void) | undefined;
  /** The surrounding request; null before this one began. */
  #outer: CurrentRequest | undefined | null = null;
  #isOver = false;
  #isReading = false;

  /**
   * `readScope` is called for each event, because the actor may only be known after the request began. `onDetached` is
   * called once if the runtime has no `AsyncLocalStorage` and an event is recorded before the request ends.
   */
  constructor(readScope: () => EventScope, onDetached?: () => void) {
    this.#readScope = readScope;
    this.#onDetached = onDetached;
  }

  /** Runs work as part of the request, including everything that it calls and awaits. */
  within<Result>(work: () => Result): Result {
    const storage = this.#enterStorage();
    if (storage !== undefined) {
      return storage.run(this, work);
    }
    if (this.#onDetached !== undefined && !this.#isOver) {
      detached.add(this);
    }
    return work();
  }

  /** Reports an event that was recorded outside of the request's context. */
  reportDetached(): void {
    detached.delete(this);
    this.#onDetached?.();
  }

  /** Makes the rest of the current turn part of the request, including everything that it calls and awaits. */
  enter(): void {
    const storage = this.#enterStorage();
    storage?.enterWith?.(this);
  }

  #enterStorage(): Storage | undefined {
    const storage = storageHere();
    if (this.#outer === null) {
      this.#outer = storage?.getStore();
    }
    return storage;
  }

  /**
   * Ends the request, so that later work isn't part of it. Otherwise, a timer started by a request would record events
   * in its actor's name for as long as it runs.
   */
  end(): void {
    this.#isOver = true;
    detached.delete(this);
  }

  /** Returns the scope of events recorded now: of this request and the surrounding ones. */
  scope(): EventScope | undefined {
    return this.#isOver ? this.#outer?.scope() : this.own();
  }

  /** Returns the request's own scope. It still applies to its recorder after the request has ended. */
  own(): EventScope {
    const outer = this.#outer?.own();
    if (this.#isReading) {
      return outer ?? {};
    }
    // The adapter's callbacks may record events themselves.
    this.#isReading = true;
    try {
      return joined(outer, this.#readScope());
    } finally {
      this.#isReading = false;
    }
  }
}

/** Returns the scope of events recorded now; undefined if no request is being handled. */
export function requestScope(): EventScope | undefined {
  for (const request of detached) {
    request.reportDetached();
  }
  return shared[SLOT]?.getStore()?.scope();
}

/** Runs work that belongs to no request. */
export function outsideRequests<Result>(work: () => Result): Result {
  const storage = shared[SLOT];
  return storage === undefined ? work() : storage.run(undefined, work);
}

/** Makes listeners of an emitter part of the request, because its events are emitted by the connection. */
export function bindEmitter(target: object, request: CurrentRequest): void {
  const emitter = target as { emit?: (...args: unknown[]) => unknown };
  const { emit } = emitter;
  if (emit === undefined || storageHere() === undefined) {
    return;
  }
  emitter.emit = function (this: unknown, ...args: unknown[]) {
    return request.within(() => Reflect.apply(emit, this, args));
  };
}

function storageHere(): Storage | undefined {
  if (shared[SLOT] === undefined) {
    const Storage = foundStorage() as AsyncStorageClass | undefined;
    if (typeof Storage === "function") {
      shared[SLOT] = new Storage() as Storage;
    }
  }
  return shared[SLOT];
}
