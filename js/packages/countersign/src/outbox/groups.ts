/** Changes that wait at the same time are made together. */

import { type Deferred, deferred } from "../promises.js";
import type { Change, Entry } from "./outbox.js";

interface Waiting extends Deferred<void> {
  readonly change: Change;
}

/**
 * Makes one change at a time durable. Those asked for meanwhile become one, so that however many they are they wait for
 * the disk once.
 */
export class Groups {
  readonly #commit: (change: Change) => Promise<void>;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  #hurried = new Set<Promise<void>>();

  /** `commit` makes a change, whole or not at all. */
  constructor(commit: (change: Change) => Promise<void>) {
    this.#commit = commit;
  }

  /** Makes a change after those asked for before. */
  write(change: Change): Promise<void> {
    const made = deferred();
    this.#waiting.push({ ...made, change: copied(change) });
    this.#working ??= this.#work();
    return made.promise;
  }

  /** Begins with what waits though the change before is under way: for a storage that keeps their order by itself. */
  hurry(): void {
    const group = this.#next();
    if (group.length > 0) {
      const made = this.#make(group).finally(() => this.#hurried.delete(made));
      this.#hurried.add(made);
    }
  }

  /** Whether nothing waits or is under way. */
  get isIdle(): boolean {
    return this.#working === undefined && this.#hurried.size === 0;
  }

  /** Resolves when nothing waits or is under way any more. */
  async idle(): Promise<void> {
    await Promise.all([this.#working, ...this.#hurried]);
  }

  async #work(): Promise<void> {
    // What the caller asks for in the same breath belongs to the first group already.
    await undefined;
    for (let group = this.#next(); group.length > 0; group = this.#next()) {
      await this.#make(group);
    }
    this.#working = undefined;
  }

  async #make(group: readonly Waiting[]): Promise<void> {
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
      // What is too much together need not be too much alone: a removal makes room.
      for (const one of group) {
        await this.#make([one]);
      }
    }
  }

  #next(): Waiting[] {
    const group = this.#waiting;
    this.#waiting = [];
    return group;
  }
}

/** The caller may use its arrays again. Bytes are not copied: entries do not change. */
function copied({ put, remove }: Change): Change {
  return { put: [...put], remove: [...remove] };
}

/** One change that comes to the same as these. In each, what it removes is gone before what it puts is there. */
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
