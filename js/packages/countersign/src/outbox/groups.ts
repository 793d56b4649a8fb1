/** Batches concurrent changes of an outbox. */

import { type Deferred, deferred } from "../promises.js";
import type { Change, Entry } from "./outbox.js";

interface PendingChange extends Deferred<void> {
  readonly change: Change;
}

/**
 * Makes one change durable at a time. Changes requested in the meantime are merged, so that all of them need only one
 * sync.
 */
export class Groups {
  readonly #commit: (change: Change) => Promise<void>;
  #waiting: PendingChange[] = [];
  #working: Promise<void> | undefined;
  #early = new Set<Promise<void>>();

  /** `commit` makes a change atomically. */
  constructor(commit: (change: Change) => Promise<void>) {
    this.#commit = commit;
  }

  /** Makes a change after all earlier ones. */
  write(change: Change): Promise<void> {
    const result = deferred();
    this.#waiting.push({ ...result, change: copied(change) });
    this.#working ??= this.#work();
    return result.promise;
  }

  /** Starts pending changes without waiting for the running one, for storage that keeps their order itself. */
  startPending(): void {
    const group = this.#next();
    if (group.length > 0) {
      const made = this.#make(group).finally(() => this.#early.delete(made));
      this.#early.add(made);
    }
  }

  /** True if no change is pending or running. */
  get isIdle(): boolean {
    return this.#working === undefined && this.#early.size === 0;
  }

  /** Resolves when no change is pending or running. */
  async idle(): Promise<void> {
    await Promise.all([this.#working, ...this.#early]);
  }

  async #work(): Promise<void> {
    // Lets changes requested in the same tick join the first group.
    await undefined;
    for (let group = this.#next(); group.length > 0; group = this.#next()) {
      await this.#make(group);
    }
    this.#working = undefined;
  }

  async #make(group: readonly PendingChange[]): Promise<void> {
    try {
      await this.#commit(merged(group.map(({ change }) => change)));
      for (const { resolve } of group) {
        resolve();
      }
    } catch (error) {
      const [first, ...others] = group;
      if (others.length === 0) {
        first?.reject(error);
        return;
      }
      // Changes that are too large together may fit one by one, since removals make room.
      for (const one of group) {
        await this.#make([one]);
      }
    }
  }

  #next(): PendingChange[] {
    const group = this.#waiting;
    this.#waiting = [];
    return group;
  }
}

/** Copies the arrays, which the caller may reuse. Entries are immutable, so their bytes aren't copied. */
function copied({ put, remove }: Change): Change {
  return { put: [...put], remove: [...remove] };
}

/** Returns one change equivalent to these. Within a change, removals come before additions. */
function merged(changes: readonly Change[]): Change {
  const put = new Map<number, Entry>();
  const remove = new Set<number>();
  for (const change of changes) {
    for (const id of change.remove) {
      put.delete(id);
      remove.add(id);
    }
    for (const entry of change.put) {
      put.set(entry.id, entry);
    }
  }
  return { put: [...put.values()], remove: [...remove] };
}
