/** The IndexedDB database of an outbox: rooms, each with the entries of one writer. */

import { CountersignError } from "../error.js";
import { openDatabase, transact } from "../indexeddb.js";
import type { Entry } from "./outbox.js";

/** Of each room the name of the lock that its writer holds, under the room's number. */
const ROOMS = "rooms";
/** Bytes under [room's number, id]. */
const ENTRIES = "entries";

/** An entry's place. */
export interface Place {
  readonly room: number;
  readonly id: number;
}

/** The database, opened when it is needed, and again when the browser closed it. */
export class Database {
  readonly #name: string;
  #connection: Promise<IDBDatabase> | undefined;
  #number = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Opens the database where it is not open. Gives the number of the connection: under another one it may be new. */
  async open(): Promise<number> {
    await this.#connected();
    return this.#number;
  }

  /** Whether this connection is still open, as far as is known. */
  isOpen(connection: number): boolean {
    return this.#connection !== undefined && this.#number === connection;
  }

  /** All rooms in the order in which they were made, with the names of their locks. */
  async rooms(): Promise<Map<number, string>> {
    const [numbers, locks] = await this.#transact(
      "readonly",
      (_, rooms) => [rooms.getAllKeys(), rooms.getAll()] as const,
    );
    return new Map(numbers.result.map((number, nth) => [Number(number), String(locks.result[nth])]));
  }

  /** What is in a room, in the order of ids. */
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
        throw new CountersignError(
          "outbox.damaged",
          `an entry of the database ${this.#name} is not as it was written`,
          {
            hint: "did something else write to it? Give the outbox another name",
          },
        );
      }
      return { id, bytes };
    });
  }

  /** Makes a room, and gives its number. */
  async add(lock: string): Promise<number> {
    const number = await this.#transact("readwrite", (_, rooms) => rooms.add(lock));
    return Number(number.result);
  }

  /** Removes a room, unless there is something in it after all: the last that a page wrote may come late. */
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

  /** Removes entries and then puts others into a room, whole or not at all, by way of this connection alone. */
  async change(
    connection: number,
    remove: readonly Place[],
    put: readonly Entry[],
    into: number | undefined,
  ): Promise<void> {
    if (!this.isOpen(connection)) {
      throw databaseError(new DOMException("the connection is closed", "InvalidStateError"), this.#name);
    }
    await this.#transact("readwrite", (entries) => {
      for (const { room, id } of remove) {
        entries.delete([room, id]);
      }
      for (const { id, bytes } of into === undefined ? [] : put) {
        entries.put(alone(bytes), [into as number, id]);
      }
      // A page that is being left does not come to the end of it otherwise.
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
        throw databaseError(cause, this.#name);
      });
      this.#connection = connection;
    }
    return this.#connection;
  }
}

/** The keys of a room's entries. An array comes after every number. */
function inRoom(room: number): IDBKeyRange {
  return IDBKeyRange.bound([room], [room, []]);
}

/** A copy where they are a part of something larger, which would be stored whole, or shared with other threads. */
function alone(bytes: Uint8Array): Uint8Array {
  const { buffer, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? bytes : bytes.slice();
}

const HINTS: Record<string, string> = {
  NotSupportedError: "private windows of some browsers have none; leave the outbox out: events then wait in memory",
  InvalidStateError: "the browser closed the database, or allows none in this window; it is tried again",
  SecurityError:
    "the browser allows this page no storage: a sandboxed frame needs allow-same-origin, a third-party one permission",
  VersionError: "a newer release of countersign made this database: reload the page to get that release",
  BlockedError: "close the other tabs of this site, and try again",
  UnknownError: "the disk may be full, or the browser's data of this site damaged: clear it",
};

function databaseError(cause: unknown, name: string): CountersignError {
  if (cause instanceof CountersignError) {
    return cause;
  }
  const kind = cause instanceof Error ? cause.name : "";
  if (kind === "QuotaExceededError") {
    return new CountersignError("outbox.full", "the browser's quota for this site is used up", {
      hint: "let the site store less, free disk space, or ask for more with navigator.storage.persist()",
      cause,
    });
  }
  return new CountersignError("outbox.failed", `the database ${name} could not be used${kind && ` (${kind})`}`, {
    hint: HINTS[kind] ?? "see the cause",
    cause,
  });
}
