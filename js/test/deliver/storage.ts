/** An outbox whose storage is an array, and fails when it is told to. */

import { CountersignError } from "../../packages/countersign/dist/error.js";
import type { Change, Entry, Outbox } from "../../packages/countersign/dist/outbox/outbox.js";

/** What outlives a recorder. */
export class Storage {
  entries: Entry[] = [];
  /** How many changes were asked for. */
  writes = 0;
  /** What happens at a change, by its number: by default it is made. `make` makes it. */
  at: (write: number, make: () => void, change: Change) => Promise<void> | void = (_, make) => make();
  /** What others left. */
  orphaned: Uint8Array[] = [];

  /** A new process's outbox. */
  outbox(): Outbox {
    return {
      open: async () => [...this.entries],
      write: (change) => this.#write(change),
      orphans: async (first) => {
        const entries = this.orphaned.splice(0).map((bytes, nth): Entry => ({ id: first + nth, bytes }));
        this.entries.push(...entries);
        return entries;
      },
      close: () => {},
    };
  }

  /** What the next process finds after a kill at that change, which is made or not. From then on nothing else is. */
  killedAt(kill: number, isMade: boolean): { isDead: () => boolean; left: Promise<Storage> } {
    const left = Promise.withResolvers<Storage>();
    let isDead = false;
    this.at = (write, make) => {
      if (write === kill) {
        if (isMade) {
          make();
        }
        isDead = true;
        const next = new Storage();
        next.entries = [...this.entries];
        left.resolve(next);
      }
      return isDead ? new Promise(() => {}) : make();
    };
    return { isDead: () => isDead, left: left.promise };
  }

  /** The first letter of each entry: `e` for an event, `b` for a batch. */
  get kinds(): string {
    return this.entries.map(({ bytes }) => String.fromCharCode(bytes[0] ?? 0)).join("");
  }

  async #write({ put, remove }: Change): Promise<void> {
    this.writes += 1;
    // The arrays are the caller's.
    const change = { put: [...put], remove: new Set(remove) };
    const make = () => {
      const kept = this.entries.filter(({ id }) => !change.remove.has(id));
      this.entries = [...kept, ...change.put].sort((a, b) => a.id - b.id);
    };
    await this.at(this.writes, make, { put, remove });
  }
}

export function full(): CountersignError {
  return new CountersignError("outbox.full", "there is no room", { hint: "make room" });
}
