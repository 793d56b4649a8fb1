/** A recorder's view of its outbox: encodes events and batches as entries, and assigns IDs. */

import { concat } from "../bytes.js";
import type { Batch } from "../deliver/batch.js";
import { CountersignError, coded } from "../error.js";
import type { PendingEvent } from "../record/handle.js";
import { type Entry, ORPHAN_IDS, type Outbox } from "./outbox.js";

/** An item restored from an outbox. */
export type RestoredItem =
  /** An event without a link, in the core's form. */
  { kind: "event"; id: number; line: string } | { kind: "batch"; batch: Batch };

/** A recorder that can pass its outbox on to another. */
export interface Replaceable {
  /** Stops its work and releases the outbox with all its entries. */
  handOver(): Promise<void>;
  /** Forwards later calls to the successor. */
  replaceBy(successor: this): void;
}

const HOLDERS = Symbol.for("countersign.outboxes.v1");

/** Returns the holders of outboxes in this program, shared by all copies of this module. */
function holders(): Map<string, Replaceable> {
  const shared = globalThis as { [HOLDERS]?: Map<string, Replaceable> };
  shared[HOLDERS] ??= new Map();
  return shared[HOLDERS];
}

declare const process: { readonly env: { readonly [name: string]: string | undefined } };

/**
 * True in development, where modules are reloaded while the program runs. Elsewhere, two recorders for one outbox are a
 * mistake.
 */
function isReloading(): boolean {
  try {
    return process.env.NODE_ENV === "development";
  } catch {
    return false;
  }
}

const EVENT = 0x65;
const BATCH = 0x62;

export class RecorderOutbox {
  readonly #outbox: Outbox | undefined;
  #next = 1;
  /** Entries whose removal is pending. */
  #removable: readonly number[] = [];

  readonly #report: (problem: CountersignError) => void;

  /** `report` is called with entries that can't be read; the others are used. */
  constructor(outbox: Outbox | undefined, report: (problem: CountersignError) => void = () => {}) {
    this.#outbox = outbox;
    this.#report = report;
  }

  /** True if events outlive the recorder. */
  get isDurable(): boolean {
    return this.#outbox !== undefined;
  }

  /** Opens the outbox and passes its entries to `make`. Closes it again if `make` throws. */
  async open<T extends Replaceable>(make: (found: RestoredItem[]) => T): Promise<T> {
    const key = this.#outbox?.key;
    const before = key === undefined ? undefined : holders().get(key);
    // If this fails, another recorder may be using it.
    const open = () => guarded(async () => (await this.#outbox?.open(this.#report)) ?? []);
    const [entries, replaced] = await open().then(
      (entries) => [entries, undefined] as const,
      async (cause: CountersignError) => {
        if (cause.code !== "outbox.in_use" || before === undefined || !isReloading()) {
          throw cause;
        }
        await before.handOver();
        return [await open(), before] as const;
      },
    );
    try {
      const made = make(this.#read(entries));
      replaced?.replaceBy(made);
      if (key !== undefined) {
        holders().set(key, made);
      }
      return made;
    } catch (cause) {
      // The first error is the one to fix.
      await this.close().catch(() => {});
      throw cause;
    }
  }

  /** True if ended recorders can leave entries in it. */
  get hasOrphans(): boolean {
    return this.#outbox?.orphans !== undefined;
  }

  /** Returns entries of recorders that ended since the last call. */
  async orphans(): Promise<RestoredItem[]> {
    const outbox = this.#outbox;
    if (outbox?.orphans === undefined) {
      return [];
    }
    const first = this.#next;
    this.#next += ORPHAN_IDS;
    return this.#read(await guarded(async () => (await outbox.orphans?.(first)) ?? []));
  }

  /** Stores events, replacing these entries. Sets each event's ID, unless storing fails. */
  async keepEvents(
    lines: readonly string[],
    taken: readonly PendingEvent[],
    remove: readonly number[] = [],
  ): Promise<void> {
    const put = lines.map((line, nth): Entry => {
      const id = this.id();
      const one = taken[nth];
      if (one !== undefined) {
        one.id = id;
      }
      return eventEntry(id, line);
    });
    try {
      await guarded(async () => this.#outbox?.write({ put, remove }));
    } catch (error) {
      for (const one of taken) {
        one.id = undefined;
      }
      throw error;
    }
  }

  /** Stores a batch, replacing its events. */
  async keep(batch: Batch): Promise<void> {
    if (this.#outbox !== undefined) {
      const remove = batch.taken.flatMap(({ id }) => id ?? []);
      await guarded(async () => this.#outbox?.write({ put: [{ id: batch.id, bytes: encode(batch) }], remove }));
    }
    batch.kept = true;
    for (const one of batch.taken) {
      one.keep();
    }
  }

  /** True if it can store synchronously when a program exits. */
  get writesNow(): boolean {
    return typeof this.#outbox?.writeNow === "function";
  }

  /** Stores events, in the core's form, and batches synchronously before the program exits. */
  keepNow(events: readonly { line: string; taken: PendingEvent }[], batches: readonly Batch[]): void {
    const put: Entry[] = [];
    for (const { line, taken } of events) {
      // A running write may have assigned an ID already.
      taken.id ??= this.id();
      put.push(eventEntry(taken.id, line));
    }
    for (const batch of batches) {
      put.push({ id: batch.id, bytes: encode(batch) });
    }
    if (put.length === 0) {
      return;
    }
    const remove = batches.flatMap(({ taken }) => taken.flatMap(({ id }) => id ?? []));
    try {
      this.#outbox?.writeNow?.({ put, remove });
    } catch (cause) {
      throw failed(cause);
    }
    for (const { taken } of events) {
      taken.keep();
    }
    for (const batch of batches) {
      batch.kept = true;
      for (const one of batch.taken) {
        one.keep();
      }
    }
  }

  /** Removes delivered entries, and those whose removal failed before. */
  async remove(ids: readonly number[]): Promise<void> {
    if (this.#outbox !== undefined && ids.length > 0) {
      this.#removable = [...this.#removable, ...ids];
      const remove = this.#removable;
      await guarded(async () => this.#outbox?.write({ put: [], remove }));
      this.#removable = this.#removable.slice(remove.length);
    }
  }

  async close(): Promise<void> {
    await guarded(async () => this.#outbox?.close());
  }

  /** Returns a new entry ID. */
  id(): number {
    return this.#next++;
  }

  #read(entries: readonly Entry[]): RestoredItem[] {
    for (const { id } of entries) {
      this.#next = Math.max(this.#next, id + 1);
    }
    return entries.flatMap((entry) => {
      try {
        return [decode(entry)];
      } catch (problem) {
        // The entry stays in the outbox; the others are delivered.
        this.#report(problem as CountersignError);
        return [];
      }
    });
  }
}

function eventEntry(id: number, line: string): Entry {
  return { id, bytes: new TextEncoder().encode(`e${line}`) };
}

function encode({ chain, from, to, lines }: Batch): Uint8Array {
  const head = new TextEncoder().encode(`b${chain} ${from} ${to}\n`);
  return concat([head, lines]);
}

function decode({ id, bytes }: Entry): RestoredItem {
  if (bytes[0] === EVENT) {
    return { kind: "event", id, line: new TextDecoder().decode(bytes.subarray(1)) };
  }
  const end = bytes.indexOf(0x0a);
  const [, chain = "", from, to] =
    /^b([0-9a-f]{32}) (\d{1,16}) (\d{1,16})$/.exec(
      bytes[0] === BATCH && end > 0 ? new TextDecoder().decode(bytes.subarray(0, end)) : "",
    ) ?? [];
  if (from === undefined || to === undefined) {
    throw new CountersignError("outbox.damaged", `entry ${id} of the outbox was not written by a recorder`, {
      hint: "check whether other code uses this storage; the entry stays in the outbox, and the others are delivered",
    });
  }
  const lines = new Uint8Array(bytes.subarray(end + 1));
  return { kind: "batch", batch: { id, chain, from: Number(from), to: Number(to), lines, taken: [], kept: true } };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw failed(cause);
  }
}

function failed(cause: unknown): CountersignError {
  const hint = "see the cause; events are still in memory, and are lost if the program exits";
  return coded(cause, "outbox.failed", "the outbox could not be read or written", hint);
}
