/** The request that is being handled: what its adapter knows of it is said of each event that is recorded within it. */

import { joined, type Said } from "../record/scope.js";
import { type AsyncStorage, type AsyncStorageClass, foundStorage } from "./storage.js";

/** What is needed of an `AsyncLocalStorage` to begin a request that no function call encloses. */
type Storage = AsyncStorage<CurrentRequest | undefined> & { enterWith?(value: CurrentRequest): void };

/** Every copy of this package in a program shares one: a bundler may give the adapter and the recorder each their own. */
const SLOT = Symbol.for("countersign.request.v1");
const shared = globalThis as { [SLOT]?: Storage };

/** A request, from the moment at which its adapter sees it until it is answered. */
export class CurrentRequest {
  readonly #say: () => Said;
  /** The request within which this one is, once it began. */
  #outer: CurrentRequest | undefined | null = null;
  #isOver = false;
  #isAsked = false;

  /** `say` is asked for each event anew: who asks may be known only after the request began. */
  constructor(say: () => Said) {
    this.#say = say;
  }

  /** Does work as part of the request, with whatever it calls and waits for. */
  within<Result>(work: () => Result): Result {
    const storage = this.#begun();
    return storage === undefined ? work() : storage.run(this, work);
  }

  /** Has all that follows in this turn be part of the request, and what that calls and waits for. */
  enter(): void {
    const storage = this.#begun();
    storage?.enterWith?.(this);
  }

  #begun(): Storage | undefined {
    const storage = storageHere();
    if (this.#outer === null) {
      this.#outer = storage?.getStore();
    }
    return storage;
  }

  /**
   * Ends it: what goes on after the answer is no longer part of it. A timer that a request started would otherwise record
   * in the name of whoever made that request, for as long as it runs.
   */
  end(): void {
    this.#isOver = true;
  }

  /** What is said of an event: of this request, and of those within which it is. */
  said(): Said | undefined {
    return this.#isOver ? this.#outer?.said() : this.own();
  }

  /** The same, also after it was answered: for who was given its recorder. */
  own(): Said {
    const outer = this.#outer?.own();
    if (this.#isAsked) {
      return outer ?? {};
    }
    // What an adapter asks may itself record something.
    this.#isAsked = true;
    try {
      return joined(outer, this.#say());
    } finally {
      this.#isAsked = false;
    }
  }
}

/** What is to be said of an event that is recorded now; undefined if no request is being handled. */
export function requestSaid(): Said | undefined {
  return shared[SLOT]?.getStore()?.said();
}

/** Does work that belongs to no request. */
export function outsideRequests<Result>(work: () => Result): Result {
  const storage = shared[SLOT];
  return storage === undefined ? work() : storage.run(undefined, work);
}

/** Has what listens to an emitter be part of the request: its events come from the connection. */
export function bindEmitter(given: object, request: CurrentRequest): void {
  const emitter = given as { emit?: (...given: unknown[]) => unknown };
  const { emit } = emitter;
  if (emit === undefined || storageHere() === undefined) {
    return;
  }
  emitter.emit = function (this: unknown, ...given: unknown[]) {
    return request.within(() => Reflect.apply(emit, this, given));
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
