/** Ed25519 keys of WebCrypto's, and the signed-note names for them. */

import { concat } from "../bytes.js";
import { CountersignError } from "../error.js";
import { isName } from "../name.js";
import { type AskingTrust, inCore } from "./core.js";
import { brokenSignerKey, external, type KeyHandle, SIGNER_PREFIX, type Signing, signerKey } from "./signer.js";

const ALGORITHM = "Ed25519";
/** The type of an Ed25519 key in its text. */
const ED25519 = 0x01;
/** What precedes the seed in PKCS #8 (RFC 8410 section 7). */
const PKCS8_PREFIX = Uint8Array.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]);

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

/** Reads a signer key's text into WebCrypto. */
export async function importSignerKey(text: string): Promise<Signing> {
  const [name, id, typed] = splitKey(signerKey(text).slice(SIGNER_PREFIX.length));
  const seed = fromBase64(typed);
  if (seed.length !== 33 || seed[0] !== ED25519) {
    throw brokenSignerKey();
  }
  const pkcs8 = new Uint8Array([...PKCS8_PREFIX, ...seed.subarray(1)]);
  const importing = (extractable: boolean) =>
    inWebCrypto(() => crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, extractable, ["sign"]));
  // The public key can only be had by way of a key that may be exported. That one does not sign: what stands in for
  // `crypto.subtle.sign`, as tracing does, gets the key with each signature.
  const [open, privateKey] = await Promise.all([importing(true), importing(false)]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", open);
  const publicKey = fromBase64(`${x.replaceAll("-", "+").replaceAll("_", "/")}=`);
  // That the ID is of this name and key is seen by the core, which reads every vkey.
  return external({ vkey: `${name}+${id}+${typedKey(publicKey)}`, privateKey });
}

/** Whether a signature is that of a verifier key. */
export async function verifies(vkey: string, bytes: Uint8Array<ArrayBuffer>, signature: Uint8Array): Promise<boolean> {
  return verifiesRaw(fromBase64(splitKey(vkey)[2]).slice(1), bytes, new Uint8Array(signature));
}

async function verifiesRaw(
  raw: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify(ALGORITHM, await imported(raw), signature, bytes);
}

/** Verifier keys in WebCrypto, by their bytes: a log signs every checkpoint with the same. */
const keys = new Map<string, CryptoKey>();
const MOST_KEYS = 64;

async function imported(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const name = raw.join();
  const known = keys.get(name);
  if (known !== undefined) {
    return known;
  }
  const key = await inWebCrypto(() => crypto.subtle.importKey("raw", raw, ALGORITHM, false, ["verify"]));
  if (keys.size >= MOST_KEYS) {
    keys.clear();
  }
  keys.set(name, key);
  return key;
}

/**
 * Checks that a proof shows the leaf to be in the log, with an artefact that has no Ed25519, and gives its index.
 * Throws `proof.invalid` where it does not.
 */
export async function prove(trust: AskingTrust, proof: string, leaf: string): Promise<number> {
  const claims = inCore(() => trust.claims(proof, leaf));
  const valid = new Uint8Array(claims.length / 3);
  for (let nth = 0; nth < valid.length; nth++) {
    const [key, signature, message] = claims.slice(3 * nth) as Uint8Array<ArrayBuffer>[];
    valid[nth] = key && signature && message && (await verifiesRaw(key, message, signature)) ? 1 : 0;
  }
  return inCore(() => trust.decide(proof, leaf, valid));
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

/** Name, ID, and type with key. The first two hold no `+`. */
function splitKey(text: string): [string, string, string] {
  const [name = "", id = ""] = text.split("+", 2);
  return [name, id, text.slice(name.length + id.length + 2)];
}

/** Nothing where the text is not canonical, which atob alone would not notice. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    const bytes = atob(text);
    return Uint8Array.from(btoa(bytes) === text ? bytes : "", (byte) => byte.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
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
