/** An outbox with its entries in an array, which fails on request. */

import { CountersignError } from "../../packages/countersign/dist/error.js";
import type { Change, Entry, Outbox, ValueStore } from "../../packages/countersign/dist/outbox/outbox.js";

/** The part of an outbox that outlives a recorder. */
export class Storage {
  entries: Entry[] = [];
  /** Number of requested changes. */
  writes = 0;
  /** Handles a change by its number; by default, it is made. `make` makes it. */
  at: (write: number, make: () => void, change: Change) => Promise<void> | void = (_, make) => make();
  /** Entries of ended recorders. */
  orphaned: Uint8Array[] = [];
  /** Values by name; undefined for storage without values. */
  values: Map<string, Uint8Array> | undefined;
  /** Called before a value is read. */
  reading: (name: string) => void = () => {};

  /** Creates an empty storage. */
  constructor({ values }: { values?: Map<string, Uint8Array> } = {}) {
    this.values = values;
  }

  /** Returns the outbox of a new process. */
  outbox(): Outbox {
    return {
      open: async () => [...this.entries],
      write: (change) => this.#write(change),
      ...(this.values && { values: this.#valueStore(this.values) }),
      orphans: async (first) => {
        const entries = this.orphaned.splice(0).map((bytes, nth): Entry => ({ id: first + nth, bytes }));
        this.entries.push(...entries);
        return entries;
      },
      close: () => {},
    };
  }

  /**
   * Kills the process at a change, which is made or not, and returns the storage for the next process. No later change
   * is made.
   */
  killedAt(kill: number, isMade: boolean): { isDead: () => boolean; left: Promise<Storage> } {
    const left = Promise.withResolvers<Storage>();
    let isDead = false;
    this.at = (write, make) => {
      if (write === kill) {
        if (isMade) {
          make();
        }
        isDead = true;
        left.resolve(this.left());
      }
      return isDead ? new Promise(() => {}) : make();
    };
    return { isDead: () => isDead, left: left.promise };
  }

  /** Returns the storage that a process leaves if it is killed now. */
  left(): Storage {
    const next = new Storage(this.values && { values: new Map(this.values) });
    next.entries = [...this.entries];
    return next;
  }

  /** The first letter of each entry: `e` for an event, `b` for a batch. */
  get kinds(): string {
    return this.entries.map(({ bytes }) => String.fromCharCode(bytes[0] ?? 0)).join("");
  }

  /** The kinds of entries with tenants, sorted: `te` for a tenant's event, `tb` for its batch, otherwise one letter. */
  get tenantKinds(): string {
    return this.entries
      .map(({ bytes }) => new TextDecoder().decode(bytes))
      .map((text) => (text[0] === "t" ? `t${text[text.indexOf("\n") + 1]}` : text[0]))
      .sort()
      .join(" ");
  }

  /** Returns the JSON in the first entry of this kind. */
  content(kind: string): unknown {
    const text = this.entries.map(({ bytes }) => new TextDecoder().decode(bytes)).find((text) => text.startsWith(kind));
    return JSON.parse(text?.slice(text.indexOf("\n") + 1) ?? "null");
  }

  #valueStore(values: Map<string, Uint8Array>): ValueStore {
    return {
      get: (name) => {
        this.reading(name);
        return values.get(name);
      },
      set: async (name, bytes) => {
        this.writes += 1;
        await this.at(this.writes, () => values.set(name, bytes), { put: [], remove: [] });
      },
    };
  }

  async #write({ put, remove }: Change): Promise<void> {
    this.writes += 1;
    // Copied, because the caller may reuse the arrays.
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
