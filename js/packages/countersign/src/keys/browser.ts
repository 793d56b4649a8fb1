/** A key that a browser makes for itself, and keeps where no script can read it. */

import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { ownFields } from "../own.js";
import type { KeyHandle } from "../record/signer.js";
import { generateKeyHandle } from "../record/webcrypto.js";
import { type Grant, type Slot, type StoredKey, updateKey } from "./key-store.js";
import { checkIssuer, randomName } from "./name.js";

/** Makes a key outside WebCrypto, as `generateKey` of the entry `countersign` does. */
export type Fallback = (name: string) => Promise<{ key: string; vkey: string }>;

/** What key is wanted. */
export interface BrowserKeyOptions {
  /** The name of the issuer that is to grant the key: the key's name is this, a slash and random characters. */
  issuer: string;
  /**
   * Whose key it is, among those that this browser keeps for the issuer: a session's identifier, say, so that who
   * signs in next has another. It stays in the browser. By default there is one for all.
   */
  session?: string | undefined;
  /** With `false` the key is not kept: it lives as long as the page. */
  keep?: boolean | undefined;
  /**
   * What makes a key where the browser has no Ed25519: `generateKey` of the entry `countersign`. Such a key is weaker:
   * its secret is in the page's memory, where a script of somebody else's in the page can read it, and it is never
   * kept. Without a fallback there is an error.
   */
  fallback?: Fallback | undefined;
}

/** @internal Every option of a browser's key, and of one that is granted. */
export const GRANTED_OPTIONS: readonly string[] = ["issuer", "session", "keep", "fallback", "from", "init", "onError"];

/** A key of this browser's. */
export interface BrowserKey {
  /** What `createRecorder` takes as `key`. */
  readonly key: KeyHandle | string;
  /** Its verifier key, for whom is to grant it. */
  readonly vkey: string;
}

/** A key and how it is kept. */
export interface HeldKey extends BrowserKey {
  /** The newest grant of it that is known. */
  readonly grant: Grant | undefined;
  /** Where it is kept, if it is. */
  readonly slot: Slot | undefined;
}

/**
 * Gives this browser's key, and makes it where there is none: an Ed25519 key of WebCrypto's whose secret no script can
 * read, kept in IndexedDB. All tabs of the page's origin share it: a key is no chain, each recorder begins one of its
 * own, and one grant is enough for all. Throws `webcrypto.unavailable` where the browser has no Ed25519.
 */
export async function browserKey(options: BrowserKeyOptions): Promise<BrowserKey> {
  const { key, vkey } = await hold(options);
  return { key, vkey };
}

/** Lets the browser's key go, when its session ends: whoever comes next has another. */
export async function forgetBrowserKey(options: Pick<BrowserKeyOptions, "issuer" | "session">): Promise<void> {
  await updateKey(slotOf(options), () => undefined);
}

/** The key as {@link browserKey} gives it; `instead` of one of that vkey another is made. */
export async function hold(given: BrowserKeyOptions, instead?: string): Promise<HeldKey> {
  const options = ownOptions(given, GRANTED_OPTIONS);
  const slot = slotOf(options);
  const hint = "give generateKey of the entry countersign: browserKey({ issuer, fallback: generateKey })";
  const { fallback } = options;
  must(fallback === undefined || typeof fallback === "function", "fallback", "the fallback makes no keys", hint);
  const isWanted = (kept: StoredKey | undefined) => kept !== undefined && kept.vkey !== instead;
  const isKept = options.keep !== false;
  if (isKept) {
    const kept = await updateKey(slot, (kept) => kept);
    if (kept !== undefined && isWanted(kept)) {
      return heldKey(kept, slot);
    }
  }
  const name = randomName(slot.issuer);
  const made = await makeHandle(name, fallback !== undefined);
  if (made === undefined) {
    const { key, vkey } = (await fallback?.(name)) ?? { key: "", vkey: "" };
    return { key, vkey, grant: undefined, slot: undefined };
  }
  if (!isKept) {
    return heldKey(made, undefined);
  }
  // Another tab may have made one meanwhile.
  const kept = await updateKey(slot, (kept) => (isWanted(kept) ? kept : made));
  return heldKey(kept ?? made, slot);
}

/** Notes the newest grant of a kept key, for all tabs. */
export async function noteGrant({ slot, vkey }: HeldKey, grant: Grant): Promise<void> {
  if (slot !== undefined) {
    await updateKey(slot, (kept) => (kept?.vkey === vkey ? { ...kept, grant } : kept));
  }
}

function heldKey({ vkey, privateKey, grant }: StoredKey, slot: Slot | undefined): HeldKey {
  return { key: { vkey, privateKey }, vkey, grant, slot };
}

function slotOf(options: Pick<BrowserKeyOptions, "issuer" | "session">): Slot {
  const { issuer, session = "" } = ownFields(Object(options), ["issuer", "session"]) as Partial<BrowserKeyOptions>;
  checkIssuer(issuer, "issuer");
  must(typeof session === "string", "session", "the session is not text", "give a text that names it");
  return { issuer, session };
}

/** A key of WebCrypto's; nothing where there can be none and something else is chosen. */
async function makeHandle(name: string, hasFallback: boolean): Promise<KeyHandle | undefined> {
  try {
    return await generateKeyHandle(name);
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause) || cause.code !== "webcrypto.unavailable") {
      throw cause;
    }
    if (hasFallback) {
      return undefined;
    }
    const insecure = globalThis.isSecureContext === false;
    throw new CountersignError(
      "webcrypto.unavailable",
      insecure ? "a page without HTTPS has no WebCrypto" : "this browser's WebCrypto has no Ed25519",
      {
        hint: `${insecure ? "serve the page over HTTPS (localhost is fine too)" : "it takes Chrome 137, Firefox 129 or Safari 17"}, or choose the weaker signer in WebAssembly: fallback: generateKey, of the entry countersign`,
        cause,
      },
    );
  }
}
