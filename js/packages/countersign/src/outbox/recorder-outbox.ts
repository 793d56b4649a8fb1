/** A recorder's hold on its outbox: what goes in, under which id, and what it was when it comes out again. */

import { concat } from "../bytes.js";
import type { Batch } from "../deliver/batch.js";
import { CountersignError, coded } from "../error.js";
import type { Taken } from "../record/handle.js";
import { type Entry, ORPHANS, type Outbox } from "./outbox.js";

/** What was in an outbox. */
export type Found =
  /** An event that has no link yet, as the core wrote it. */
  { kind: "event"; id: number; line: string } | { kind: "batch"; batch: Batch };

/** A recorder that gives its outbox to another. */
export interface Replaceable {
  /** Ends its work, and lets go of the outbox with all that it holds. */
  handOver(): Promise<void>;
  /** Has another do what is still asked of it. */
  replaceBy(successor: this): void;
}

const HOLDERS = Symbol.for("countersign.outboxes.v1");

/** Who has which outbox in this program, whichever copy of this module made it. */
function holders(): Map<string, Replaceable> {
  const shared = globalThis as { [HOLDERS]?: Map<string, Replaceable> };
  shared[HOLDERS] ??= new Map();
  return shared[HOLDERS];
}

declare const process: { readonly env: { readonly [name: string]: string | undefined } };

/** True in development, where modules are loaded anew while the program runs. Elsewhere two recorders are a mistake. */
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
  /** Entries that are of no more use. */
  #gone: readonly number[] = [];

  readonly #report: (problem: CountersignError) => void;

  /** `report` is told what can't be read of it; all else goes on. */
  constructor(outbox: Outbox | undefined, report: (problem: CountersignError) => void = () => {}) {
    this.#outbox = outbox;
    this.#report = report;
  }

  /** Whether what is kept outlives the recorder. */
  get isDurable(): boolean {
    return this.#outbox !== undefined;
  }

  /** Takes the outbox for what is made with what is in it; lets go of it where that cannot be made. */
  async open<T extends Replaceable>(make: (found: Found[]) => T): Promise<T> {
    const key = this.#outbox?.key;
    const before = key === undefined ? undefined : holders().get(key);
    // Where this fails it may be another's.
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
      // What went wrong first is what has to be repaired.
      await this.close().catch(() => {});
      throw cause;
    }
  }

  /** Whether others can leave something behind in it. */
  get hasOrphans(): boolean {
    return this.#outbox?.orphans !== undefined;
  }

  /** What others left behind that died since. */
  async orphans(): Promise<Found[]> {
    const outbox = this.#outbox;
    if (outbox?.orphans === undefined) {
      return [];
    }
    const first = this.#next;
    this.#next += ORPHANS;
    return this.#read(await guarded(async () => (await outbox.orphans?.(first)) ?? []));
  }

  /**
   * Keeps events, in the place of these entries if there are any; each has its id from now on, unless it could not be
   * kept.
   */
  async keepEvents(lines: readonly string[], taken: readonly Taken[], remove: readonly number[] = []): Promise<void> {
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

  /** Keeps a batch in the place of its events. */
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

  /** True if it can keep something without waiting, when a program ends. */
  get writesNow(): boolean {
    return typeof this.#outbox?.writeNow === "function";
  }

  /** Keeps events, as the core wrote them, and batches, before the program ends. */
  keepNow(events: readonly { line: string; taken: Taken }[], batches: readonly Batch[]): void {
    const put: Entry[] = [];
    for (const { line, taken } of events) {
      // It may have been given one by a write that is under way.
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

  /** Lets go of what was delivered, and of what it could not let go of before. */
  async remove(ids: readonly number[]): Promise<void> {
    if (this.#outbox !== undefined && ids.length > 0) {
      this.#gone = [...this.#gone, ...ids];
      const remove = this.#gone;
      await guarded(async () => this.#outbox?.write({ put: [], remove }));
      this.#gone = this.#gone.slice(remove.length);
    }
  }

  async close(): Promise<void> {
    await guarded(async () => this.#outbox?.close());
  }

  /** The next entry's id. */
  id(): number {
    return this.#next++;
  }

  #read(entries: readonly Entry[]): Found[] {
    for (const { id } of entries) {
      this.#next = Math.max(this.#next, id + 1);
    }
    return entries.flatMap((entry) => {
      try {
        return [decode(entry)];
      } catch (problem) {
        // It stays where it is, and what else is there is delivered.
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

function decode({ id, bytes }: Entry): Found {
  if (bytes[0] === EVENT) {
    return { kind: "event", id, line: new TextDecoder().decode(bytes.subarray(1)) };
  }
  const end = bytes.indexOf(0x0a);
  const [, chain = "", from, to] =
    /^b([0-9a-f]{32}) (\d{1,16}) (\d{1,16})$/.exec(
      bytes[0] === BATCH && end > 0 ? new TextDecoder().decode(bytes.subarray(0, end)) : "",
    ) ?? [];
  if (from === undefined || to === undefined) {
    throw new CountersignError("outbox.damaged", `entry ${id} of the outbox is not one of a recorder's`, {
      hint: "it stays in the outbox, and the other entries are delivered; was this place used by something else?",
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
  const hint = "what was recorded is still in memory, and would be lost with it: look at the cause";
  return coded(cause, "outbox.failed", "the outbox could not be written or read", hint);
}
