/** WebCrypto's Ed25519 keys, and their names in the signed-note format. */

import { concat } from "../bytes.js";
import { CountersignError } from "../error.js";
import { isName, noName } from "./key-name.js";
import { brokenSignerKey, type KeyHandle, SIGNER_KEY, type Signing, signerOf } from "./signer.js";

const ALGORITHM = "Ed25519";
/** The type byte of an Ed25519 key in a vkey. */
const ED25519 = 0x01;

/** Generates a key whose private key never leaves WebCrypto. It can be stored in IndexedDB. */
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

/** The PKCS #8 header before the seed (RFC 8410 section 7). */
const PKCS8_PREFIX = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);

/** Returns a signer that uses WebCrypto, for runtimes where it is faster than the core. */
export function importSignerKey(text: string): Promise<Signing> {
  return readSignerKey(text, async (pkcs8) => {
    const imported = (isExtractable: boolean) =>
      inWebCrypto(() => crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, isExtractable, ["sign"]));
    // WebCrypto only exports the public key of an extractable private key. Computing it in the core would take a third
    // of the start time.
    const { x } = await crypto.subtle.exportKey("jwk", await imported(true));
    return { x, sign: signerOf(await imported(false)) };
  });
}

/** Functions that sign with a private key, and the public key in base64url. */
type Imported = Pick<Signing, "sign" | "signNow"> & { readonly x: string | undefined };

/**
 * Imports a private key's text into the runtime. `imported` receives the key as PKCS #8, which is zeroed afterwards.
 */
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
    // The core verifies that the ID is a hash of the name and the public key.
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
    throw new CountersignError(
      "webcrypto.unavailable",
      "WebCrypto does not support Ed25519 here, or rejected this key",
      {
        hint: "use a secure context and a recent runtime, or use the entry `countersign`, which includes its own Ed25519",
        cause,
      },
    );
  }
}
