/**
 * The storage interface of the log's WebAssembly, implemented with a Durable Object's storage
 * (crates/wasm/src/log/storage.rs).
 */

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

  /** Runs a statement and returns its rows. */
  rows(sql: string, values: unknown[]): unknown[][] {
    return [...this.#storage.sql.exec(sql, ...values).raw()];
  }

  /** Runs statements that change rows. Returns the number of rows written; 0 if nothing changed. */
  change(sql: string, values: unknown[]): number {
    return this.#storage.sql.exec(sql, ...values).rowsWritten;
  }

  /** Runs work in a transaction, which is rolled back if it throws. */
  transaction(work: () => void): void {
    try {
      this.#storage.transactionSync(work);
    } catch (error) {
      // The log would treat it as a storage failure and continue.
      if (isStop(error)) {
        this.#stop = error;
      }
      throw error;
    }
  }

  /** Makes copies of these entries' events unreadable. */
  withdraw(entries: Float64Array): void {
    this.#exports.withdraw(entries);
  }

  /** Throws the error that stopped the log's WebAssembly during a transaction, if any. */
  check(): void {
    if (this.#stop !== undefined) {
      throw this.#stop;
    }
  }
}
