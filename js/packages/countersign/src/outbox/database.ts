/** The IndexedDB database of an outbox. It is divided into rooms, each with the entries of one writer. */

import { CountersignError } from "../error.js";
import { openDatabase, transact } from "../indexeddb.js";
import type { Entry } from "./outbox.js";

/** The object store of rooms: the name of the lock that a room's writer holds, by room number. */
const ROOMS = "rooms";
/** The object store of entries: bytes, by [room number, ID]. */
const ENTRIES = "entries";

/** The key of an entry. */
export interface EntryKey {
  readonly room: number;
  readonly id: number;
}

/** The database. It is opened on demand, and reopened after the browser closed it. */
export class Database {
  readonly #name: string;
  #connection: Promise<IDBDatabase> | undefined;
  #number = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Opens the database if needed. Returns the connection's number; under another number, the database may be a new one.
   */
  async open(): Promise<number> {
    await this.#connected();
    return this.#number;
  }

  /** True unless this connection is known to be closed. */
  isOpen(connection: number): boolean {
    return this.#connection !== undefined && this.#number === connection;
  }

  /** Returns the lock names of all rooms by room number, in order of creation. */
  async rooms(): Promise<Map<number, string>> {
    const [numbers, locks] = await this.#transact(
      "readonly",
      (_, rooms) => [rooms.getAllKeys(), rooms.getAll()] as const,
    );
    return new Map(numbers.result.map((number, nth) => [Number(number), String(locks.result[nth])]));
  }

  /** Returns the entries of a room in the order of their IDs. */
  async entries(room: number): Promise<Entry[]> {
    const all = inRoom(room);
    const [keys, values] = await this.#transact(
      "readonly",
      (entries) => [entries.getAllKeys(all), entries.getAll(all)] as const,
    );
    return keys.result.map((key, nth): Entry => {
      const [, id] = key as [number, number];
      const bytes: unknown = values.result[nth];
      if (!(bytes instanceof Uint8Array)) {
        throw new CountersignError("outbox.damaged", `an entry of the database ${this.#name} was changed`, {
          hint: "check whether other code writes to it, and use another name for the outbox",
        });
      }
      return { id, bytes };
    });
  }

  /** Creates a room and returns its number. */
  async add(lock: string): Promise<number> {
    const number = await this.#transact("readwrite", (_, rooms) => rooms.add(lock));
    return Number(number.result);
  }

  /** Deletes a room if it is still empty; a page's last write may arrive late. */
  async discard(room: number): Promise<void> {
    await this.#transact("readwrite", (entries, rooms) => {
      const count = entries.count(inRoom(room));
      count.onsuccess = () => {
        if (count.result === 0) {
          rooms.delete(room);
        }
      };
    });
  }

  /** Removes entries and then adds others to a room, atomically, and only on this connection. */
  async change(
    connection: number,
    remove: readonly EntryKey[],
    put: readonly Entry[],
    into: number | undefined,
  ): Promise<void> {
    if (!this.isOpen(connection)) {
      throw databaseError(new DOMException("the database connection is closed", "InvalidStateError"), this.#name);
    }
    await this.#transact("readwrite", (entries) => {
      for (const { room, id } of remove) {
        entries.delete([room, id]);
      }
      for (const { id, bytes } of into === undefined ? [] : put) {
        entries.put(unshared(bytes), [into as number, id]);
      }
      // Otherwise, the transaction would not finish while the page is being unloaded.
      entries.transaction.commit();
    });
  }

  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then(
      (database) => database.close(),
      () => {},
    );
  }

  async #transact<T>(
    mode: IDBTransactionMode,
    work: (entries: IDBObjectStore, rooms: IDBObjectStore) => T,
  ): Promise<T> {
    const database = await this.#connected();
    try {
      return await transact(database, [ENTRIES, ROOMS], mode, work);
    } catch (cause) {
      throw databaseError(cause, this.#name);
    }
  }

  #connected(): Promise<IDBDatabase> {
    if (this.#connection === undefined) {
      this.#number += 1;
      const forget = () => {
        if (this.#connection === connection) {
          this.#connection = undefined;
        }
      };
      const make = (database: IDBDatabase) => {
        database.createObjectStore(ROOMS, { autoIncrement: true });
        database.createObjectStore(ENTRIES);
      };
      const connection = openDatabase(this.#name, make, forget).catch((cause) => {
        forget();
        throw databaseError(cause, this.#name, UNAVAILABLE);
      });
      this.#connection = connection;
    }
    return this.#connection;
  }
}

/** Returns the key range of a room's entries. Arrays sort after all numbers. */
function inRoom(room: number): IDBKeyRange {
  return IDBKeyRange.bound([room], [room, []]);
}

/** Copies bytes that are part of a larger buffer, which would be stored whole, or of shared memory. */
function unshared(bytes: Uint8Array): Uint8Array {
  const { buffer, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? bytes : bytes.slice();
}

const HINTS: Record<string, string> = {
  NotSupportedError: "omit `outbox` to keep events in memory; some browsers have no IndexedDB in private windows",
  InvalidStateError:
    "retry, and if it repeats, omit `outbox`; the browser closed the database, or allows none in this window",
  SecurityError: "add allow-same-origin to a sandboxed frame, or request storage access in a third-party frame",
  VersionError: "reload the page to get the newer version of countersign that created this database",
  BlockedError: "close the other tabs of this site, and try again",
  UnknownError: "free disk space, or clear the site's data, which may be corrupt",
};

/** Errors in opening a database where the browser allows none. */
const UNAVAILABLE: readonly string[] = ["NotSupportedError", "SecurityError", "InvalidStateError"];

/** Returns the error for a failed operation. With one of the kinds `unavailable`, the browser allows no database here. */
function databaseError(cause: unknown, name: string, unavailable: readonly string[] = []): CountersignError {
  if (cause instanceof CountersignError) {
    return cause;
  }
  const kind = cause instanceof Error ? cause.name : "";
  if (kind === "QuotaExceededError") {
    return new CountersignError("outbox.full", "the browser's quota for this site is used up", {
      hint: "store less on this site, free disk space, or call navigator.storage.persist()",
      cause,
    });
  }
  const code = unavailable.includes(kind) ? "outbox.unavailable" : "outbox.failed";
  return new CountersignError(code, `the database ${name} could not be used${kind && ` (${kind})`}`, {
    hint: HINTS[kind] ?? "see the cause",
    cause,
  });
}
