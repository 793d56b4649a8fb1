/** `Promise.withResolvers`, which Node.js 20 and Safari 16 have not. */

/** A promise, and who settles it. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(reason?: unknown): void;
}

/** Makes one. */
export function deferred<T = void>(): Deferred<T> {
  let settle: Pick<Deferred<T>, "resolve" | "reject"> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as unknown as Pick<Deferred<T>, "resolve" | "reject">) };
}

/** Lets others wait for what changes now and then. */
export class Notifier {
  #next = deferred();

  /** Something changed. */
  notify(): void {
    this.#next.resolve();
    this.#next = deferred();
  }

  /** Resolves when this holds: it is looked at now, and after each change. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await this.#next.promise;
    }
  }
}

/** Does one piece of work at a time, in the order in which they are asked for, whatever became of the one before. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}
