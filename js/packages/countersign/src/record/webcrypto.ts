/** Ed25519 keys of WebCrypto's, and the signed-note names for them. */

import { concat } from "../bytes.js";
import { CountersignError } from "../error.js";
import { isName, noName } from "./key-name.js";
import { brokenSignerKey, type KeyHandle, SIGNER_KEY, type Signing, signerOf } from "./signer.js";

const ALGORITHM = "Ed25519";
/** The type of an Ed25519 key in its text. */
const ED25519 = 0x01;

/** Makes a key that never leaves WebCrypto. It can be kept in IndexedDB as it is. */
export async function generateKeyHandle(name: string): Promise<KeyHandle> {
  if (!isName(name)) {
    throw noName();
  }
  const { privateKey, publicKey } = await inWebCrypto(
    () => crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]) as Promise<CryptoKeyPair>,
  );
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
  return { vkey: await vkeyOf(name, raw), privateKey };
}

/** What precedes the seed in PKCS #8 (RFC 8410 section 7). */
const PKCS8_PREFIX = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);

/** Signs with a signer key's text in WebCrypto: for runtimes in which that is faster than the core. */
export function importSignerKey(text: string): Promise<Signing> {
  return readSignerKey(text, async (pkcs8) => {
    const imported = (isExtractable: boolean) =>
      inWebCrypto(() => crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, isExtractable, ["sign"]));
    // WebCrypto tells the public key of none that cannot be taken out. To find it in the core takes a third of a start.
    const { x } = await crypto.subtle.exportKey("jwk", await imported(true));
    return { x, sign: signerOf(await imported(false)) };
  });
}

/** What signs with a private key, and the public one, as base64url. */
type Imported = Pick<Signing, "sign" | "signNow"> & { readonly x: string | undefined };

/** Has a runtime sign with a signer key's text, of which it is given the private key in PKCS #8, whose bytes are gone afterwards. */
export async function readSignerKey(
  text: string,
  imported: (pkcs8: Uint8Array<ArrayBuffer>) => Promise<Imported>,
): Promise<Signing> {
  const [, name = "", id, typed] = SIGNER_KEY.exec(text) ?? [];
  if (typed === undefined) {
    throw brokenSignerKey();
  }
  const seed = bytesOf(typed).subarray(1);
  const pkcs8 = concat([PKCS8_PREFIX, seed]);
  try {
    const { x = "", ...signing } = await imported(pkcs8);
    const publicKey = bytesOf(x.replaceAll("-", "+").replaceAll("_", "/"));
    // That the ID is a hash of the name and the public key is checked by the core.
    return { ...signing, key: `${name}+${id}+${encoded(publicKey)}`, checks: "none" };
  } finally {
    pkcs8.fill(0);
    seed.fill(0);
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
}

function encoded(publicKey: Uint8Array): string {
  return btoa(String.fromCharCode(ED25519, ...publicKey));
}

async function vkeyOf(name: string, publicKey: Uint8Array): Promise<string> {
  const named = concat([new TextEncoder().encode(`${name}\n`), Uint8Array.of(ED25519), publicKey]);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", named));
  const id = Array.from(hash.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${name}+${id}+${encoded(publicKey)}`;
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
