/** A Durable Object's storage, as the log's WebAssembly uses it (crates/wasm/src/log/storage.rs). */

import type { Exports } from "./exports.js";
import { isStop } from "./instance.js";
import type { LogStorage } from "./platform.js";

export class Tables {
  readonly #storage: LogStorage;
  readonly #exports: Exports;
  #stop: unknown;

  constructor(storage: LogStorage, exports: Exports) {
    this.#storage = storage;
    this.#exports = exports;
  }

  /** Runs a statement, and gives its rows. */
  rows(sql: string, values: unknown[]): unknown[][] {
    return [...this.#storage.sql.exec(sql, ...values).raw()];
  }

  /** Runs statements that change rows. Gives how many were written, which is 0 where nothing changed. */
  change(sql: string, values: unknown[]): number {
    return this.#storage.sql.exec(sql, ...values).rowsWritten;
  }

  /** Undoes what the work did when it throws. */
  transaction(work: () => void): void {
    try {
      this.#storage.transactionSync(work);
    } catch (error) {
      // The log takes it for a failure of the storage, and would go on.
      if (isStop(error)) {
        this.#stop = error;
      }
      throw error;
    }
  }

  /** Sees to it that nobody can read copies of these leaves' events any more. */
  withdraw(leaves: Float64Array): void {
    this.#exports.withdraw(leaves);
  }

  /** Throws what stopped the log's WebAssembly in the middle of a transaction, if anything did. */
  check(): void {
    if (this.#stop !== undefined) {
      throw this.#stop;
    }
  }
}
