/** Keys that a browser generates and stores where no script can read them. */

import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { ownFields } from "../own.js";
import type { GenerateKey } from "../record/create.js";
import type { KeyHandle } from "../record/signer.js";
import { generateKeyHandle } from "../record/webcrypto.js";
import { signGrantRequest } from "./grant-request.js";
import { type Grant, type Slot, type StoredKey, updateKey } from "./key-store.js";
import { checkIssuer, randomName } from "./name.js";

/** Generates a key without WebCrypto, like `generateKey` from `countersign`. */
export type Fallback = GenerateKey;

/** Options of `browserKey`. */
export interface BrowserKeyOptions {
  /**
   * The name of the issuer that grants the key. The key's name is this name, a slash, and random characters.
   *
   * @example
   * ```ts
   * issuer: "example.com"
   * ```
   */
  issuer: string;
  /**
   * Selects among the keys that this browser stores for the issuer, such as a session's ID, so that the next user gets
   * another key. It never leaves the browser.
   *
   * @default "": one key for all
   * @example
   * ```ts
   * session: sessionId
   * ```
   */
  session?: string | undefined;
  /**
   * Stores the key in the browser. With `false`, it lives as long as the page.
   *
   * @default true
   * @example
   * ```ts
   * keep: false
   * ```
   */
  keep?: boolean | undefined;
  /**
   * Generates a key if the browser has no Ed25519: `generateKey` from `countersign`. Such a key is weaker: its private
   * key is in the page's memory, where an injected script can read it, and it is never stored.
   *
   * @default undefined: throws `webcrypto.unavailable`
   * @example
   * ```ts
   * fallback: generateKey
   * ```
   */
  fallback?: Fallback | undefined;
}

/** @internal Names of the options of `browserKey` and `grantedKey`. */
export const GRANTED_OPTIONS: readonly string[] = ["issuer", "session", "keep", "fallback", "from", "init", "onError"];

/** A key of this browser. */
export interface BrowserKey {
  /** The value for the option `key` of `createRecorder`. */
  readonly key: KeyHandle | string;
  /** The public key, to be granted by the issuer. */
  readonly vkey: string;
}

/** A key with its storage. */
export interface HeldKey extends BrowserKey {
  /** The newest known grant. */
  readonly grant: Grant | undefined;
  /** Its place in the browser's storage, if it is stored. */
  readonly slot: Slot | undefined;
  /** Signs a request for a grant of this key, dated `time` (RFC 3339 with milliseconds). */
  signGrantRequest(time: string): Promise<string>;
}

/**
 * Returns this browser's key, generating it if needed: an Ed25519 key of WebCrypto, stored in IndexedDB, whose private
 * key no script can read. All tabs of an origin share it. Each recorder starts its own chain, and one grant covers all
 * of them.
 *
 * Throws `webcrypto.unavailable` if the browser has no Ed25519 and no `fallback` is given.
 */
export async function browserKey(options: BrowserKeyOptions): Promise<BrowserKey> {
  const { key, vkey } = await hold(options);
  return { key, vkey };
}

/** Deletes the browser's key, for example at the end of a session, so that the next user gets another one. */
export async function forgetBrowserKey(options: Pick<BrowserKeyOptions, "issuer" | "session">): Promise<void> {
  await updateKey(slotOf(options), () => undefined);
}

/** Returns the key for {@link browserKey}. If its vkey is `instead`, it is replaced by a new one. */
export async function hold(input: BrowserKeyOptions, instead?: string): Promise<HeldKey> {
  const options = ownOptions(input, GRANTED_OPTIONS);
  const slot = slotOf(options);
  const hint = "pass generateKey from countersign: browserKey({ issuer, fallback: generateKey })";
  const { fallback } = options;
  must(fallback === undefined || typeof fallback === "function", "fallback", "`fallback` must be a function", hint);
  const isWanted = (kept: StoredKey | undefined) => kept !== undefined && kept.vkey !== instead;
  const isKept = options.keep !== false;
  if (isKept) {
    const kept = await updateKey(slot, (kept) => kept);
    if (kept !== undefined && isWanted(kept)) {
      return heldKey(kept, slot);
    }
  }
  const name = randomName(slot.issuer);
  const created = await makeHandle(name, fallback !== undefined);
  if (created === undefined) {
    const generated = await fallback?.(name);
    const signGrantRequest = async (time: string) => {
      const message = "the key of `fallback` can't sign a request for a grant";
      must(typeof generated?.signGrantRequest === "function", "fallback", message, hint);
      return generated.signGrantRequest(time);
    };
    const { key = "", vkey = "" } = generated ?? {};
    return { key, vkey, grant: undefined, slot: undefined, signGrantRequest };
  }
  if (!isKept) {
    return heldKey(created, undefined);
  }
  // Another tab may have stored one in the meantime.
  const kept = await updateKey(slot, (kept) => (isWanted(kept) ? kept : created));
  return heldKey(kept ?? created, slot);
}

/** Stores the newest grant of a stored key, for all tabs. */
export async function storeGrant({ slot, vkey }: HeldKey, grant: Grant): Promise<void> {
  if (slot !== undefined) {
    await updateKey(slot, (kept) => (kept?.vkey === vkey ? { ...kept, grant } : kept));
  }
}

function heldKey({ vkey, privateKey, grant }: StoredKey, slot: Slot | undefined): HeldKey {
  const key = { vkey, privateKey };
  return { key, vkey, grant, slot, signGrantRequest: (time) => signGrantRequest(key, time) };
}

function slotOf(options: Pick<BrowserKeyOptions, "issuer" | "session">): Slot {
  const { issuer, session = "" } = ownFields(Object(options), ["issuer", "session"]) as Partial<BrowserKeyOptions>;
  checkIssuer(issuer, "issuer");
  must(typeof session === "string", "session", "`session` must be a string", "pass the session's ID, or omit it");
  return { issuer, session };
}

/** Generates a WebCrypto key. Returns undefined if that is unsupported and there is a fallback. */
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
      insecure ? "WebCrypto is not available without HTTPS" : "WebCrypto does not support Ed25519 in this browser",
      {
        hint: `${insecure ? "serve the page over HTTPS (localhost also works)" : "use Chrome 137, Firefox 129, Safari 17, or later"}, or allow the weaker signer in WebAssembly with fallback: generateKey from countersign`,
        cause,
      },
    );
  }
}
