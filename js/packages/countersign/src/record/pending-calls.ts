/** Calls with a waiting caller, so that each is settled before a program exits. */

import { deferred } from "../promises.js";

export class PendingCalls {
  readonly #rejects = new Set<(error: unknown) => void>();

  /** True if a call is pending. */
  get areAny(): boolean {
    return this.#rejects.size > 0;
  }

  /** Returns the result of the work, unless `rejectAll` is called first. */
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

  /** Rejects all pending calls. Their work continues. */
  rejectAll(error: unknown): void {
    for (const reject of this.#rejects) {
      reject(error);
    }
    this.#rejects.clear();
  }
}
