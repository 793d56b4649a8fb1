/** Keys that a browser keeps: in IndexedDB, which takes a key of WebCrypto's as it is, its secret unseen. */

import { CountersignError } from "../error.js";
import { openDatabase, transact } from "../indexeddb.js";
import type { KeyHandle } from "../record/signer.js";

const DATABASE = "countersign-keys";
/** Keys under [issuer, session]. */
const KEYS = "keys";

/** The newest grant of a key, in milliseconds from the epoch. */
export interface Grant {
  /** When it ends. */
  readonly until: number;
  /** When it is to be asked for anew. */
  readonly renew: number;
}

/** A key as it is kept. */
export interface StoredKey extends KeyHandle {
  readonly grant?: Grant | undefined;
}

/** Where a key is kept. */
export interface Slot {
  readonly issuer: string;
  readonly session: string;
}

/**
 * What `choose` makes of what is kept there, which is kept from now on; `undefined` removes it. All tabs of the origin
 * see the same.
 */
export async function updateKey(
  { issuer, session }: Slot,
  choose: (kept: StoredKey | undefined) => StoredKey | undefined,
): Promise<StoredKey | undefined> {
  let database: IDBDatabase | undefined;
  try {
    database = await openDatabase(DATABASE, (made) => void made.createObjectStore(KEYS));
    const place = [issuer, session];
    let chosen: StoredKey | undefined;
    await transact(database, [KEYS], "readwrite", (keys) => {
      const reading: IDBRequest<unknown> = keys.get(place);
      reading.onsuccess = () => {
        const kept = isKept(reading.result) ? reading.result : undefined;
        chosen = choose(kept);
        if (chosen === undefined) {
          keys.delete(place);
        } else if (chosen !== kept) {
          keys.put(chosen, place);
        }
      };
    });
    return chosen;
  } catch (cause) {
    throw new CountersignError("key.unkept", "the browser does not keep a key for this page", {
      hint: "private windows and third-party frames have no storage, and a quota may be used up: with keep: false the key lives as long as the page",
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
