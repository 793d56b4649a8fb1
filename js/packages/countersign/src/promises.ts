/** Helpers for promises. `Promise.withResolvers` is missing in Node.js 20 and Safari 16. */

/** A promise with the functions that settle it. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(reason?: unknown): void;
}

/** Creates a deferred promise. */
export function deferred<T = void>(): Deferred<T> {
  let settle: Pick<Deferred<T>, "resolve" | "reject"> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as unknown as Pick<Deferred<T>, "resolve" | "reject">) };
}

/** Wakes waiters when shared state changes. */
export class Notifier {
  #next = deferred();

  /** Wakes all waiters, so that they check their conditions again. */
  notify(): void {
    this.#next.resolve();
    this.#next = deferred();
  }

  /** Resolves when the condition holds. It is checked now and after each `notify`. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await this.#next.promise;
    }
  }
}

/** Returns a function that runs work one piece at a time, in call order, even after failures. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}

/** Returns a function that runs at most `max` pieces of work at a time, and begins them in call order. */
export function atMost(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  const queue: (() => void)[] = [];
  let free = max;
  return async (work) => {
    if (free > 0) {
      free--;
    } else {
      await new Promise<void>((resolve) => queue.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next === undefined) {
        free++;
      } else {
        next();
      }
    }
  };
}
