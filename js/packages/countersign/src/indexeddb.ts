/** IndexedDB as promises. */

/** How many milliseconds it may take until the database is open. */
const PATIENCE = 10_000;

/** A connection to a database, which `make` makes where it is not there; `onClosed` is told when it is closed by others. */
export function openDatabase(
  name: string,
  make: (database: IDBDatabase) => void,
  onClosed: () => void = () => {},
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    if (globalThis.indexedDB === undefined) {
      throw new DOMException("there is no IndexedDB here", "NotSupportedError");
    }
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => make(opening.result);
    let isLate = false;
    const block = () => {
      isLate = true;
      reject(new DOMException("another tab is in the way", "BlockedError"));
    };
    // Nothing else tells that it waits until a tab lets the database be deleted.
    const timer = setTimeout(block, PATIENCE);
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
      // Somebody wants to delete it.
      database.onversionchange = () => {
        onClosed();
        database.close();
      };
      resolve(database);
    };
  });
}

/** Does work in a transaction, and resolves when it is on the disk. */
export function transact<T, const Names extends readonly string[]>(
  database: IDBDatabase,
  names: Names,
  mode: IDBTransactionMode,
  work: (...stores: { [Place in keyof Names]: IDBObjectStore }) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(names, mode, { durability: "strict" });
    transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
    const stores = names.map((name) => transaction.objectStore(name));
    const result = work(...(stores as { [Place in keyof Names]: IDBObjectStore }));
    transaction.oncomplete = () => resolve(result);
  });
}
