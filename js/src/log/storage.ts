/** A Durable Object's storage, as the log's WebAssembly uses it (log/src/wasm/storage.rs). */

import { isStop } from "./instance.js";
import type { LogStorage } from "./platform.js";

export class Tables {
  readonly #storage: LogStorage;
  #stop: unknown;

  constructor(storage: LogStorage) {
    this.#storage = storage;
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

  /** Throws what stopped the log's WebAssembly in the middle of a transaction, if anything did. */
  check(): void {
    if (this.#stop !== undefined) {
      throw this.#stop;
    }
  }
}
