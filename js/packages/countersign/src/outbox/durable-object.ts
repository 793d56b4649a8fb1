/** An outbox in a Durable Object's storage. */

import { concat } from "../bytes.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import type { Outbox } from "./outbox.js";

/** What is needed of a Durable Object's `ctx.storage`, with SQLite or without. */
export interface ObjectStorage {
  list(options: { prefix: string }): Promise<Map<string, unknown>>;
  put(entries: Record<string, unknown>): Promise<void>;
  delete(keys: string[]): Promise<number>;
  /** Resolves when all that was written is on disk. */
  sync(): Promise<void>;
}

/** Which outbox. */
export interface DurableObjectOutboxOptions {
  /** Tells the outboxes of one object from each other. */
  name?: string | undefined;
}

/**
 * Keeps what is not yet delivered in a Durable Object's storage, under keys of its own. What it writes holds back what
 * the object answers until it is on disk, as all writes do.
 *
 *     createRecorder({ …, outbox: durableObjectOutbox(this.ctx.storage) })
 */
export function durableObjectOutbox(storage: ObjectStorage, options: DurableObjectOutboxOptions = {}): Outbox {
  const { name = "default" } = ownOptions(options, ["name"]);
  const hint = "give this.ctx.storage, in a class that extends DurableObject";
  must(typeof storage?.sync === "function", "outbox", "this is not the storage of a Durable Object", hint);
  const prefix = `countersign-outbox/${name}/`;
  // Sorts as the numbers do.
  const key = (id: number, part: number) => `${prefix}${String(id).padStart(16, "0")}/${String(part).padStart(4, "0")}`;
  /** How many parts each entry has; nothing while it is not open. */
  let counts: Map<number, number> | undefined;
  return {
    async open() {
      const names = open.get(storage) ?? new Set();
      open.set(storage, names);
      if (names.has(name)) {
        throw new CountersignError("outbox.in_use", "another recorder of this object has this outbox", {
          hint: "keep one recorder for the object, or give each outbox a name of its own",
        });
      }
      names.add(name);
      try {
        const entries = joined(prefix, await storage.list({ prefix }));
        counts = new Map(Array.from(entries, ([id, parts]) => [id, parts.length]));
        return Array.from(entries, ([id, parts]) => ({ id, bytes: concat(parts) }));
      } catch (cause) {
        names.delete(name);
        throw storageError(cause, "read");
      }
    },
    async write({ put, remove }) {
      const known = counts;
      if (known === undefined) {
        throw new CountersignError("outbox.failed", "the outbox is not open", { hint: "open it first" });
      }
      const keys = (id: number) => Array.from({ length: known.get(id) ?? 0 }, (_, part) => key(id, part));
      const gone = remove.flatMap((id) => {
        const all = keys(id);
        known.delete(id);
        return all;
      });
      const rows = put.flatMap(({ id, bytes }) => {
        const pieces = parts(bytes);
        // It may be there though its write failed.
        gone.push(...keys(id).slice(pieces.length));
        known.set(id, pieces.length);
        return pieces.map((piece, part) => [key(id, part), piece] as const);
      });
      try {
        // Calls between which nothing is waited for reach the disk together or not at all.
        await Promise.all([
          ...portions(gone).map((keys) => storage.delete(keys)),
          ...portions(rows).map((entries) => storage.put(Object.fromEntries(entries))),
        ]);
        await storage.sync();
      } catch (cause) {
        throw storageError(cause, "written");
      }
    },
    close() {
      if (counts !== undefined) {
        counts = undefined;
        open.get(storage)?.delete(name);
      }
    },
  };
}

/** The names of the outboxes that are open, by their storage: an object has one, for as long as it is in memory. */
const open = new WeakMap<ObjectStorage, Set<string>>();

/** The largest value that a storage without SQLite takes is 128 KiB with what it adds: a longer entry has several. */
const PART = 120 << 10;
/** The most keys that one call takes. */
const CALL = 128;

/** The bytes in pieces, which are copies; of nothing one empty piece. */
function parts(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / PART)) }, (_, nth) =>
    bytes.slice(nth * PART, (nth + 1) * PART),
  );
}

function portions<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / CALL) }, (_, nth) => all.slice(nth * CALL, (nth + 1) * CALL));
}

/** The parts of each entry, which come in order. */
function joined(prefix: string, rows: ReadonlyMap<string, unknown>): Map<number, Uint8Array[]> {
  const entries = new Map<number, Uint8Array[]>();
  for (const [key, value] of rows) {
    const id = Number(key.slice(prefix.length).split("/")[0]);
    if (!Number.isSafeInteger(id) || !(value instanceof Uint8Array)) {
      throw new CountersignError("outbox.damaged", "an entry of the outbox is not as it was written", {
        hint: "did something else write under keys that begin with countersign-outbox/?",
      });
    }
    entries.set(id, [...(entries.get(id) ?? []), value]);
  }
  return entries;
}

function storageError(cause: unknown, what: "read" | "written"): CountersignError {
  if (cause instanceof CountersignError) {
    return cause;
  }
  const message = cause instanceof Error ? cause.message : "";
  if (/SQLITE_FULL|(disk|database) is full|storage (limit|quota)|exceed\w* .*(storage|limit)/i.test(message)) {
    return new CountersignError("outbox.full", "the Durable Object's storage is full", {
      hint: "let the object store less, or find out why the log does not take what waits",
      cause,
    });
  }
  return new CountersignError("outbox.failed", `the Durable Object's storage could not be ${what}`, {
    hint: "see the cause",
    cause,
  });
}
