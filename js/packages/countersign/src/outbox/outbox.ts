/** Where a recorder keeps what is not yet delivered. */

import type { CountersignError } from "../error.js";

/** Something that is kept. What its bytes mean is the recorder's business. */
export interface Entry {
  /** Its place: ids ascend in an outbox, and none is used twice. */
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** What becomes of an outbox in one step. */
export interface Change {
  /** What is there under the same id already is replaced: a write that failed may have come to something. */
  readonly put: readonly Entry[];
  /** Ids, also of entries that are not there. */
  readonly remove: readonly number[];
}

/** As many ids as {@link Outbox.orphans} may use. */
export const ORPHANS = 2 ** 24;

/**
 * Keeps a recorder's events until they are delivered, where they outlive it: after a kill the next recorder with the
 * same outbox goes on with what is there. What it throws is a `CountersignError`: `outbox.in_use`, `outbox.full`,
 * `outbox.damaged`, `outbox.failed`.
 */
export interface Outbox {
  /**
   * Names the storage within the program. In development a recorder that a reloaded module makes takes it over from the one
   * that the module made before.
   */
  readonly key?: string | undefined;
  /**
   * Takes it for one recorder alone, and gives what is in it in the order of ids. An outbox that can be read in part alone
   * sets what was damaged aside and says so to `report`; without `report` it throws `outbox.damaged`.
   */
  open(report?: (problem: CountersignError) => void): Promise<readonly Entry[]>;
  /**
   * Makes a change, whole or not at all, after those asked for before. When it resolves, it survives a kill. A change that
   * removes nothing may leave its first entries if the process is killed meanwhile.
   */
  write(change: Change): Promise<void>;
  /**
   * Makes a change at once, and waits for nothing: the program ends. What the changes asked for before put is in it too.
   * It is on the disk when this returns. Only some storages can do that.
   */
  writeNow?(change: Change): void;
  /**
   * Takes over what others left that died, a tab that crashed for one: in their order, under ids from `first` on and
   * less than {@link ORPHANS} above it. Mostly there is nothing.
   */
  orphans?(first: number): Promise<readonly Entry[]>;
  /** Lets go of it. What is in it stays. */
  close(): Promise<void> | void;
}
