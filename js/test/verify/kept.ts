/** Workers that are kept from one verification to the next: hundreds of small exports don't start them anew. */

import type { WorkerLike } from "countersign/slim";

/** Gives out workers. A verification must have ended well before the next may have its workers. */
export class Kept {
  #start: () => WorkerLike;
  #all: WorkerLike[] = [];
  #idle: WorkerLike[] = [];

  constructor(start: () => WorkerLike) {
    this.#start = start;
  }

  /** A worker that is kept when it is terminated. */
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

  /** Terminates them all. */
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
