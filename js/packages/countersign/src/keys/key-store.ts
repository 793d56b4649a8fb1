/** Keys stored in IndexedDB, which can hold a WebCrypto key without exposing its private key. */

import { CountersignError } from "../error.js";
import { openDatabase, transact } from "../indexeddb.js";
import type { KeyHandle } from "../record/signer.js";

const DATABASE = "countersign-keys";
/** The object store of keys, by [issuer, session]. */
const KEYS = "keys";

/** The newest grant of a key. Times are milliseconds since the epoch. */
export interface Grant {
  /** End of the grant. */
  readonly until: number;
  /** Time to renew the grant. */
  readonly renew: number;
}

/** A stored key. */
export interface StoredKey extends KeyHandle {
  readonly grant?: Grant | undefined;
}

/** The position of a key in the store. */
export interface Slot {
  readonly issuer: string;
  readonly session: string;
}

/**
 * Replaces a stored key by the result of `choose`, and returns it; `undefined` deletes the key. All tabs of the origin
 * share the storage.
 */
export async function updateKey(
  { issuer, session }: Slot,
  choose: (kept: StoredKey | undefined) => StoredKey | undefined,
): Promise<StoredKey | undefined> {
  let database: IDBDatabase | undefined;
  try {
    database = await openDatabase(DATABASE, (made) => void made.createObjectStore(KEYS));
    const slot = [issuer, session];
    let chosen: StoredKey | undefined;
    await transact(database, [KEYS], "readwrite", (keys) => {
      const reading: IDBRequest<unknown> = keys.get(slot);
      reading.onsuccess = () => {
        const kept = isKept(reading.result) ? reading.result : undefined;
        chosen = choose(kept);
        if (chosen === undefined) {
          keys.delete(slot);
        } else if (chosen !== kept) {
          keys.put(chosen, slot);
        }
      };
    });
    return chosen;
  } catch (cause) {
    throw new CountersignError("key.unkept", "the browser can't store a key for this page", {
      hint: "check the storage quota, and set `keep` to false in private windows and third-party frames, which have no storage",
      cause,
    });
  } finally {
    database?.close();
  }
}

function isKept(value: unknown): value is StoredKey {
  const { vkey, privateKey } = (value ?? {}) as Partial<StoredKey>;
  return typeof vkey === "string" && privateKey instanceof CryptoKey;
}
