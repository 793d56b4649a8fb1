/** An outbox in a Durable Object's storage. */

import { concat } from "../bytes.js";
import { CountersignError, must } from "../error.js";
import type { Change, Entry, Outbox } from "./outbox.js";

/** What is needed of a Durable Object's `ctx.storage`, with SQLite or without. */
export interface ObjectStorage {
  readonly sql?: { exec(query: string, ...bindings: unknown[]): { toArray(): unknown[] } };
  transactionSync?<T>(work: () => T): T;
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
 * Keeps what is not yet delivered in a Durable Object's storage: in a table of its own where the object has SQLite,
 * else under keys of its own. What it writes holds back what the object answers until it is on disk, as all writes do.
 *
 *     createRecorder({ …, outbox: durableObjectOutbox(this.ctx.storage) })
 */
export function durableObjectOutbox(
  storage: ObjectStorage,
  { name = "default" }: DurableObjectOutboxOptions = {},
): Outbox {
  const hint = "give this.ctx.storage, in a class that extends DurableObject";
  must(typeof storage?.sync === "function", "outbox", "this is not the storage of a Durable Object", hint);
  return new DurableObjectOutbox(storage, name);
}

/** The names of the outboxes that are open, by their storage: an object has one, for as long as it is in memory. */
const open = new WeakMap<ObjectStorage, Set<string>>();

class DurableObjectOutbox implements Outbox {
  readonly #storage: ObjectStorage;
  readonly #name: string;
  #store: EntryStore | undefined;

  constructor(storage: ObjectStorage, name: string) {
    this.#storage = storage;
    this.#name = name;
  }

  async open(): Promise<readonly Entry[]> {
    const names = open.get(this.#storage) ?? new Set();
    open.set(this.#storage, names);
    if (names.has(this.#name)) {
      throw new CountersignError("outbox.in_use", "another recorder of this object has this outbox", {
        hint: "keep one recorder for the object, or give each outbox a name of its own",
      });
    }
    names.add(this.#name);
    try {
      const store = hasSql(this.#storage) ? new Table(this.#storage, this.#name) : new Keys(this.#storage, this.#name);
      const entries = await store.open();
      this.#store = store;
      return entries;
    } catch (cause) {
      names.delete(this.#name);
      throw storageError(cause, "read");
    }
  }

  async write(change: Change): Promise<void> {
    if (this.#store === undefined) {
      throw new CountersignError("outbox.failed", "the outbox is not open", { hint: "open it first" });
    }
    try {
      await this.#store.write(change);
      await this.#storage.sync();
    } catch (cause) {
      throw storageError(cause, "written");
    }
  }

  close(): void {
    if (this.#store !== undefined) {
      this.#store = undefined;
      open.get(this.#storage)?.delete(this.#name);
    }
  }
}

/** Where entries are in a storage. Everything of a change is asked for before anything is waited for. */
interface EntryStore {
  open(): Promise<Entry[]>;
  write(change: Change): Promise<void>;
}

type SqlObjectStorage = Required<ObjectStorage>;

function hasSql(storage: ObjectStorage): storage is SqlObjectStorage {
  try {
    storage.sql?.exec("SELECT 1").toArray();
    return storage.sql !== undefined;
  } catch {
    return false;
  }
}

/** Rows of a table: at most two megabytes each, so that a long entry has several. */
class Table implements EntryStore {
  static readonly #PART = 1 << 20;
  readonly #storage: SqlObjectStorage;
  readonly #name: string;

  constructor(storage: SqlObjectStorage, name: string) {
    this.#storage = storage;
    this.#name = name;
  }

  async open(): Promise<Entry[]> {
    this.#exec(
      "CREATE TABLE IF NOT EXISTS countersign_outbox" +
        " (name TEXT, id INTEGER, part INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (name, id, part))",
    );
    const rows = this.#exec("SELECT id, bytes FROM countersign_outbox WHERE name = ? ORDER BY id, part", this.#name);
    return joined(rows.map((row) => row as { id: number; bytes: ArrayBuffer }));
  }

  async write({ put, remove }: Change): Promise<void> {
    this.#storage.transactionSync(() => {
      // What is put may be there though its write failed: the wait for the disk comes after.
      for (const id of [...remove, ...put.map(({ id }) => id)]) {
        this.#exec("DELETE FROM countersign_outbox WHERE name = ? AND id = ?", this.#name, id);
      }
      for (const { id, bytes } of put) {
        for (const [part, piece] of parts(bytes, Table.#PART).entries()) {
          this.#exec("INSERT INTO countersign_outbox VALUES (?, ?, ?, ?)", this.#name, id, part, piece);
        }
      }
    });
  }

  #exec(query: string, ...bindings: unknown[]): unknown[] {
    return this.#storage.sql.exec(query, ...bindings).toArray();
  }
}

/** Keys, in the order of ids: values of at most 128 KiB with what the storage adds, so that a long entry has several. */
class Keys implements EntryStore {
  static readonly #PART = 120 << 10;
  /** The most that one call takes. */
  static readonly #CALL = 128;
  readonly #storage: ObjectStorage;
  readonly #prefix: string;
  /** How many parts each entry has. */
  readonly #counts = new Map<number, number>();

  constructor(storage: ObjectStorage, name: string) {
    this.#storage = storage;
    this.#prefix = `countersign-outbox/${name}/`;
  }

  async open(): Promise<Entry[]> {
    const rows = [...(await this.#storage.list({ prefix: this.#prefix }))].map(([key, value]) => {
      const id = Number(key.slice(this.#prefix.length).split("/")[0]);
      this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
      return { id, bytes: value as Uint8Array };
    });
    return joined(rows);
  }

  async write({ put, remove }: Change): Promise<void> {
    const gone = remove.flatMap((id) => {
      const keys = this.#keys(id);
      this.#counts.delete(id);
      return keys;
    });
    const rows = put.flatMap(({ id, bytes }) => {
      const pieces = parts(bytes, Keys.#PART);
      // It may be there though its write failed.
      gone.push(...this.#keys(id).slice(pieces.length));
      this.#counts.set(id, pieces.length);
      return pieces.map((piece, part) => [this.#key(id, part), piece] as const);
    });
    // Calls between which nothing is waited for reach the disk together or not at all.
    await Promise.all([
      ...portions(gone).map((keys) => this.#storage.delete(keys)),
      ...portions(rows).map((entries) => this.#storage.put(Object.fromEntries(entries))),
    ]);

    function portions<T>(all: readonly T[]): T[][] {
      return Array.from({ length: Math.ceil(all.length / Keys.#CALL) }, (_, nth) =>
        all.slice(nth * Keys.#CALL, (nth + 1) * Keys.#CALL),
      );
    }
  }

  /** The keys of an entry's parts. */
  #keys(id: number): string[] {
    return Array.from({ length: this.#counts.get(id) ?? 0 }, (_, part) => this.#key(id, part));
  }

  /** Sorts as the numbers do. */
  #key(id: number, part: number): string {
    return `${this.#prefix}${String(id).padStart(16, "0")}/${String(part).padStart(4, "0")}`;
  }
}

/** The bytes in pieces, which are copies; of nothing one empty piece. */
function parts(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / size)) }, (_, nth) =>
    bytes.slice(nth * size, (nth + 1) * size),
  );
}

/** Entries of their parts, which come in order. */
function joined(rows: readonly { id: number; bytes: ArrayBuffer | Uint8Array }[]): Entry[] {
  const pieces = new Map<number, Uint8Array[]>();
  for (const { id, bytes } of rows) {
    if (!Number.isSafeInteger(id) || !(bytes instanceof ArrayBuffer || bytes instanceof Uint8Array)) {
      throw new CountersignError("outbox.damaged", "an entry of the outbox is not as it was written", {
        hint: "did something else write to the table countersign_outbox, or under keys that begin with countersign-outbox/?",
      });
    }
    pieces.set(id, [...(pieces.get(id) ?? []), bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)]);
  }
  return Array.from(pieces, ([id, parts]) => ({ id, bytes: concat(parts) }));
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
    hint: message.includes("no such table")
      ? "the object deleted all of its storage: create a new recorder after deleteAll()"
      : "see the cause",
    cause,
  });
}
