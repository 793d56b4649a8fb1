/** The storage interface for undelivered events. */

import type { CountersignError } from "../error.js";

/** A stored item. Only the recorder interprets its bytes. */
export interface Entry {
  /** IDs ascend in an outbox and are never reused. */
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** An atomic change of an outbox. */
export interface Change {
  /** Entries to add. An existing entry with the same ID, which a failed write may have left, is replaced. */
  readonly put: readonly Entry[];
  /** IDs to remove. They need not exist. */
  readonly remove: readonly number[];
}

/**
 * Stores durable values by name, apart from the entries. They are read one by one, and not when the outbox is opened, so
 * that any number of them uses no memory. Methods throw as those of {@link Outbox} do.
 */
export interface ValueStore {
  /**
   * Returns a value synchronously, so that events of a known tenant are stored at once; undefined if there is none. Throws
   * `outbox.damaged` if its bytes have changed, or if it is missing although it was set. Storage that never loses single
   * values needn't notice the latter.
   */
  get(name: string): Uint8Array | undefined;
  /** Sets a value. Once it resolves, the value survives a kill. A kill in the meantime leaves the value before. */
  set(name: string, bytes: Uint8Array): Promise<void>;
}

/** Number of IDs that {@link Outbox.orphans} may use. */
export const ORPHAN_IDS = 2 ** 24;

/**
 * Stores a recorder's events until they are delivered. After a kill, the next recorder with the same outbox continues
 * with its entries. Methods throw a `CountersignError` with the code `outbox.in_use`, `outbox.full`, `outbox.damaged`,
 * `outbox.failed`, or, if the program can't use the storage at all, `outbox.unavailable`.
 */
export interface Outbox {
  /**
   * Identifies the storage within the program. In development, when a module is reloaded, its new recorder takes over
   * the outbox of the old one.
   */
  readonly key?: string | undefined;
  /**
   * Opens the outbox for one recorder and returns its entries in the order of their IDs. If only some can be read, the
   * damaged storage is kept aside and passed to `report`; without `report`, it throws `outbox.damaged`.
   */
  open(report?: (problem: CountersignError) => void): Promise<readonly Entry[]>;
  /**
   * Makes a change atomically, after all earlier ones. Once it resolves, the change survives a kill. A change without
   * removals may be applied in part if the process is killed in the meantime.
   */
  write(change: Change): Promise<void>;
  /**
   * Makes a change synchronously because the program exits, including unfinished earlier ones. It is on disk when this
   * returns. Not all storage supports this.
   */
  writeNow?(change: Change): void;
  /**
   * Stores values by name, which only the holder of the open outbox uses. Without it, a recorder with tenants keeps the
   * state of each tenant's log in memory.
   */
  readonly values?: ValueStore | undefined;
  /**
   * Takes over entries of ended recorders, such as those of a crashed tab. Returns them in order with IDs from `first`
   * on, below `first` + 2^24. Usually there are none.
   */
  orphans?(first: number): Promise<readonly Entry[]>;
  /** Releases the outbox. Its entries stay. */
  close(): Promise<void> | void;
}
