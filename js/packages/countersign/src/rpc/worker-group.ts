/** Groups of workers that end together. */

import { type Deferred, deferred } from "../promises.js";
import { connect, type Remote, type TransferItem } from "./connect.js";
import { type Peer, peerFailed } from "./errors.js";

/** The parts of a `Worker` that are used, so that other kinds of threads can be wrapped. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: TransferItem[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
  // A method type, so that a `Worker`, whose handlers take an `ErrorEvent`, is assignable.
  onerror: { handle(event: WorkerFailure): unknown }["handle"] | null;
  onmessageerror: ((event: MessageEvent) => unknown) | null;
}

/** The parts of a worker's error event that are used. */
export interface WorkerFailure {
  readonly message?: string;
  readonly error?: unknown;
  preventDefault?(): void;
}

/** Runs calls to workers until the group ends or one of its workers fails. Pending calls then reject. */
export class WorkerGroup {
  readonly #peer: Peer;
  readonly #failed: (message: string, cause: unknown) => Error;
  readonly #workers: WorkerLike[] = [];
  readonly #pending = new Set<Deferred<never>>();
  #ended: { readonly reason: unknown } | undefined;

  /**
   * `peer` is the kind of worker. `failed` creates the error with which the group ends if a worker fails outside of a
   * call.
   */
  constructor(peer: Peer, failed = (message: string, cause: unknown): Error => peerFailed(peer, message, cause)) {
    this.#peer = peer;
    this.#failed = failed;
  }

  /** Adds a worker, serves `methods` to it, and returns its own methods. */
  add<Theirs extends object>(worker: WorkerLike, methods: object = {}): Remote<Theirs> {
    worker.onmessageerror = () => this.end(this.#failed("a message could not be deserialized", undefined));
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.end(this.#failed(event.message ?? "it did not start", event.error));
    };
    this.#workers.push(worker);
    return connect<Theirs>(worker, methods, this.#peer);
  }

  /** Runs calls. Rejects if the group ends first. */
  ask<T>(calls: () => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) {
      return Promise.reject(this.#ended.reason);
    }
    const answered = deferred<T>();
    this.#pending.add(answered as Deferred<never>);
    calls()
      .then(answered.resolve, answered.reject)
      .finally(() => this.#pending.delete(answered as Deferred<never>));
    return answered.promise;
  }

  /** Terminates all workers, unless the group has already ended. */
  end(reason: unknown): void {
    if (this.#ended === undefined) {
      this.#ended = { reason };
      this.#workers.forEach(terminate);
      for (const pending of this.#pending) {
        pending.reject(reason);
      }
      this.#pending.clear();
    }
  }
}

/** Terminates a worker and ignores its remaining messages. */
function terminate(worker: WorkerLike): void {
  worker.onmessage = null;
  worker.onerror = null;
  worker.terminate();
}
