/** An outbox in the storage of a Durable Object. */

import { concat } from "../bytes.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import type { Outbox, ValueStore } from "./outbox.js";

/** The parts of a Durable Object's `ctx.storage` that are used. */
export interface ObjectStorage {
  /** Missing, or throws, without SQLite. */
  readonly kv?: { get(key: string): unknown } | undefined;
  list(options: { prefix: string }): Promise<Map<string, unknown>>;
  put(entries: Record<string, unknown>): Promise<void>;
  delete(keys: string[]): Promise<number>;
  /** Resolves when all writes are on disk. */
  sync(): Promise<void>;
}

/** Options of `durableObjectOutbox`. */
export interface DurableObjectOutboxOptions {
  /**
   * The outbox's name, if an object has several.
   *
   * @default "default"
   * @example
   * ```ts
   * name: "billing"
   * ```
   */
  name?: string | undefined;
}

/**
 * Stores undelivered events in a Durable Object's storage, under keys with the prefix `countersign-outbox/`. As with
 * all writes, the object's responses are held back until they are on disk.
 *
 * With the option `tenants`, the newest head of each tenant's log has a key with the prefix
 * `countersign-outbox-values/`, about 3 kB each. Objects without SQLite keep all of them in memory instead.
 *
 * @example
 * ```ts
 * createRecorder({ …, outbox: durableObjectOutbox(this.ctx.storage) })
 * ```
 */
export function durableObjectOutbox(storage: ObjectStorage, options: DurableObjectOutboxOptions = {}): Outbox {
  const { name = "default" } = ownOptions(options, ["name"]);
  const hint = "pass this.ctx.storage in a class that extends DurableObject";
  must(typeof storage?.sync === "function", "outbox", "`storage` must be the storage of a Durable Object", hint);
  const prefix = `countersign-outbox/${name}/`;
  // Sorts in numeric order.
  const key = (id: number, part: number) => `${prefix}${String(id).padStart(16, "0")}/${String(part).padStart(4, "0")}`;
  const valuePrefix = `countersign-outbox-values/${name}/`;
  /** Number of parts of each entry; undefined while the outbox is closed. */
  let counts: Map<number, number> | undefined;
  /** Returns the number of parts of each entry. Throws if the outbox is closed. */
  const openCounts = () => {
    if (counts === undefined) {
      throw new CountersignError("outbox.failed", "the outbox is not open", { hint: "open it first" });
    }
    return counts;
  };
  // An object's storage is lost or restored as a whole, so a missing value was never set.
  const values: ValueStore = {
    get(valueName) {
      openCounts();
      let value: unknown;
      try {
        value = storage.kv?.get(valuePrefix + valueName);
      } catch (cause) {
        throw storageError(cause, "read");
      }
      if (value !== undefined && !(value instanceof Uint8Array)) {
        throw new CountersignError("outbox.damaged", "a value of the outbox was changed", {
          hint: "check whether other code writes to keys that begin with countersign-outbox-values/",
        });
      }
      return value;
    },
    async set(valueName, bytes) {
      openCounts();
      try {
        await storage.put({ [valuePrefix + valueName]: bytes.slice() });
        await storage.sync();
      } catch (cause) {
        throw storageError(cause, "written");
      }
    },
  };
  return {
    ...(hasSyncReads(storage, valuePrefix) ? { values } : {}),
    async open() {
      const names = open.get(storage) ?? new Set();
      open.set(storage, names);
      if (names.has(name)) {
        throw new CountersignError("outbox.in_use", "another recorder of this Durable Object uses this outbox", {
          hint: "create only one recorder in each Durable Object, or give each outbox its own name",
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
      const known = openCounts();
      const keys = (id: number) => Array.from({ length: known.get(id) ?? 0 }, (_, part) => key(id, part));
      const gone = remove.flatMap((id) => {
        const all = keys(id);
        known.delete(id);
        return all;
      });
      const rows = put.flatMap(({ id, bytes }) => {
        const pieces = parts(bytes);
        // A failed write may still have stored it.
        gone.push(...keys(id).slice(pieces.length));
        known.set(id, pieces.length);
        return pieces.map((piece, part) => [key(id, part), piece] as const);
      });
      try {
        // Storage operations started without awaiting in between are committed atomically.
        await Promise.all([
          ...chunks(gone).map((keys) => storage.delete(keys)),
          ...chunks(rows).map((entries) => storage.put(Object.fromEntries(entries))),
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

/** True if the storage can read synchronously. Without SQLite, the methods exist, but throw. */
function hasSyncReads({ kv }: ObjectStorage, key: string): boolean {
  try {
    kv?.get(key);
    return kv !== undefined;
  } catch {
    return false;
  }
}

/** Names of open outboxes, by storage. An object in memory has one storage instance. */
const open = new WeakMap<ObjectStorage, Set<string>>();

/**
 * Maximum size of a part in bytes. Storage without SQLite accepts 128 KiB including overhead, so longer entries are
 * split.
 */
const MAX_PART_BYTES = 120 << 10;
/** Maximum number of keys per call. */
const MAX_KEYS = 128;

/** Splits bytes into copied parts. Without bytes, returns one empty part. */
function parts(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / MAX_PART_BYTES)) }, (_, nth) =>
    bytes.slice(nth * MAX_PART_BYTES, (nth + 1) * MAX_PART_BYTES),
  );
}

function chunks<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / MAX_KEYS) }, (_, nth) =>
    all.slice(nth * MAX_KEYS, (nth + 1) * MAX_KEYS),
  );
}

/** Returns the parts of each entry. Rows are sorted by key, so parts are in order. */
function joined(prefix: string, rows: ReadonlyMap<string, unknown>): Map<number, Uint8Array[]> {
  const entries = new Map<number, Uint8Array[]>();
  for (const [key, value] of rows) {
    const id = Number(key.slice(prefix.length).split("/")[0]);
    if (!Number.isSafeInteger(id) || !(value instanceof Uint8Array)) {
      throw new CountersignError("outbox.damaged", "an entry of the outbox was changed", {
        hint: "check whether other code writes to keys that begin with countersign-outbox/",
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
      hint: "store less in the object, or check why deliveries fail",
      cause,
    });
  }
  return new CountersignError("outbox.failed", `the Durable Object's storage could not be ${what}`, {
    hint: "see the cause",
    cause,
  });
}
