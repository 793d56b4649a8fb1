/** IndexedDB with promises. */

/** Timeout for opening a database, in milliseconds. */
const OPEN_TIMEOUT_MS = 10_000;

/**
 * Opens a database, creating it with `make` if needed. `onClosed` is called if the browser or another tab closes it.
 */
export function openDatabase(
  name: string,
  make: (database: IDBDatabase) => void,
  onClosed: () => void = () => {},
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    if (globalThis.indexedDB === undefined) {
      throw new DOMException("IndexedDB is not available", "NotSupportedError");
    }
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => make(opening.result);
    let isLate = false;
    const block = () => {
      isLate = true;
      reject(new DOMException("another tab blocks the database", "BlockedError"));
    };
    // No event reports the wait for a deletion that another tab blocks.
    const timer = setTimeout(block, OPEN_TIMEOUT_MS);
    opening.onblocked = block;
    opening.onerror = () => {
      clearTimeout(timer);
      reject(opening.error);
    };
    opening.onsuccess = () => {
      clearTimeout(timer);
      const database = opening.result;
      if (isLate) {
        database.close();
        return;
      }
      database.onclose = onClosed;
      // Another tab wants to delete the database.
      database.onversionchange = () => {
        onClosed();
        database.close();
      };
      resolve(database);
    };
  });
}

/** Runs work in a transaction, and resolves when it is on disk. */
export function transact<T, const Names extends readonly string[]>(
  database: IDBDatabase,
  names: Names,
  mode: IDBTransactionMode,
  work: (...stores: { [Place in keyof Names]: IDBObjectStore }) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(names, mode, { durability: "strict" });
    transaction.onabort = () =>
      reject(transaction.error ?? new DOMException("the transaction was aborted", "AbortError"));
    const stores = names.map((name) => transaction.objectStore(name));
    const result = work(...(stores as { [Place in keyof Names]: IDBObjectStore }));
    transaction.oncomplete = () => resolve(result);
  });
}
