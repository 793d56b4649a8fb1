/** Workers reused between verifications, so that hundreds of small exports don't start new ones. */

import type { WorkerLike } from "countersign/slim";

/** Provides workers. A verification must have succeeded before the next may use its workers. */
export class ReusedWorkers {
  #start: () => WorkerLike;
  #all: WorkerLike[] = [];
  #idle: WorkerLike[] = [];

  constructor(start: () => WorkerLike) {
    this.#start = start;
  }

  /** Returns a worker that is kept when it is terminated. */
  take(): WorkerLike {
    const worker = this.#idle.pop() ?? this.#startOne();
    const kept: WorkerLike = {
      postMessage: (message, transfer) => worker.postMessage(message, transfer),
      terminate: () => void this.#idle.push(worker),
      onmessage: null,
      onerror: null,
      onmessageerror: null,
    };
    worker.onmessage = (event) => kept.onmessage?.(event);
    worker.onerror = (event) => kept.onerror?.(event);
    worker.onmessageerror = (event) => kept.onmessageerror?.(event);
    return kept;
  }

  /** Terminates all workers. */
  end(): void {
    for (const worker of this.#all) {
      worker.terminate();
    }
  }

  #startOne(): WorkerLike {
    const worker = this.#start();
    this.#all.push(worker);
    return worker;
  }
}
