/** Calls that somebody waits for, so that none of them is left without an answer when a program ends. */

import { deferred } from "../promises.js";

export class PendingCalls {
  readonly #rejects = new Set<(error: unknown) => void>();

  /** True if a call waits. */
  get areAny(): boolean {
    return this.#rejects.size > 0;
  }

  /** Returns what the work returns, unless `rejectAll` is called before. */
  until<T>(work: PromiseLike<T>): Promise<T> {
    const { promise, resolve, reject } = deferred<T>();
    this.#rejects.add(reject);
    const settled =
      <Value>(settle: (value: Value) => void) =>
      (value: Value) => {
        this.#rejects.delete(reject);
        settle(value);
      };
    work.then(settled(resolve), settled(reject));
    return promise;
  }

  /** Rejects the calls that wait now. Their work goes on. */
  rejectAll(error: unknown): void {
    for (const reject of this.#rejects) {
      reject(error);
    }
    this.#rejects.clear();
  }
}
