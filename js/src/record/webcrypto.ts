/** Ed25519 keys of WebCrypto's, and the signed-note names for them. */

import { concat } from "../bytes.js";
import { CountersignError } from "../error.js";
import { isName } from "../keys/name.js";
import { inCore } from "./core.js";
import { brokenSignerKey, external, type KeyHandle, type SeedReader, SIGNER_PREFIX, type Signing } from "./signer.js";

const ALGORITHM = "Ed25519";
/** The type of an Ed25519 key in its text. */
const ED25519 = 0x01;

/** Makes a key that never leaves WebCrypto. It can be kept in IndexedDB as it is. */
export async function generateKeyHandle(name: string): Promise<KeyHandle> {
  if (!isName(name)) {
    throw new CountersignError("name.invalid", "not a name for a key", {
      hint: "a name holds no white space, no control character and no '+'",
    });
  }
  const { privateKey, publicKey } = await inWebCrypto(
    () => crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]) as Promise<CryptoKeyPair>,
  );
  return { vkey: await vkeyOf(name, await exportRaw(publicKey)), privateKey };
}

/** What precedes the seed in PKCS #8 (RFC 8410 section 7). */
const PKCS8_PREFIX = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);

/** Signs with a signer key's text in WebCrypto: for runtimes in which that is faster than the core. */
export async function importSignerKey(core: SeedReader, text: string): Promise<Signing> {
  const [, name = "", typed = ""] = /^([^+]*)\+[^+]*\+(.*)$/s.exec(text.slice(SIGNER_PREFIX.length)) ?? [];
  const seed = seedOf(typed);
  const [key, vkey = ""] = inCore(() => core.signerKey(name, seed));
  if (key !== text) {
    throw brokenSignerKey();
  }
  const pkcs8 = concat([PKCS8_PREFIX, seed]);
  const privateKey = await inWebCrypto(() => crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]));
  pkcs8.fill(0);
  seed.fill(0);
  return { ...external({ vkey, privateKey }), checks: "none" };
}

function seedOf(typed: string): Uint8Array {
  let bytes = "";
  try {
    bytes = atob(typed);
  } catch {
    // It has not the length of one.
  }
  if (bytes.length !== 33 || bytes.charCodeAt(0) !== ED25519) {
    throw brokenSignerKey();
  }
  return Uint8Array.from(bytes.slice(1), (byte) => byte.charCodeAt(0));
}

async function exportRaw(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", key));
}

async function vkeyOf(name: string, publicKey: Uint8Array): Promise<string> {
  const named = concat([new TextEncoder().encode(`${name}\n`), Uint8Array.of(ED25519), publicKey]);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", named));
  const id = Array.from(hash.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${name}+${id}+${typedKey(publicKey)}`;
}

/** A key's type and bytes, as its text ends. */
function typedKey(publicKey: Uint8Array): string {
  return btoa(String.fromCharCode(ED25519, ...publicKey));
}

async function inWebCrypto<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new CountersignError("webcrypto.unavailable", "WebCrypto has no Ed25519 here, or does not take this key", {
      hint: "a secure context and a recent runtime are needed; the entry `countersign` brings an Ed25519 of its own",
      cause,
    });
  }
}
