/** Who signs a chain. */

import { CountersignError, must } from "../error.js";
import { ownFields } from "../own.js";

/** Signs with a key that lies elsewhere: a KMS, an HSM, a server. */
export interface Signer {
  /** The key's verifier key: `name+hhhhhhhh+base64`. */
  readonly vkey: string;
  /** The Ed25519 signature, 64 bytes, over exactly these bytes. */
  sign(bytes: Uint8Array<ArrayBuffer>): Uint8Array | ArrayBuffer | PromiseLike<Uint8Array | ArrayBuffer>;
}

/** A `CryptoKey`, which not all of Node.js's types give a name. */
type PrivateKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A key of WebCrypto's, which need not be extractable, with its verifier key. */
export interface KeyHandle {
  /** The key's verifier key: `name+hhhhhhhh+base64`. */
  readonly vkey: string;
  /** An Ed25519 key that may sign. */
  readonly privateKey: PrivateKey;
}

/** What a signer key's text begins with. */
export const SIGNER_PREFIX = "PRIVATE+KEY+";

/** A whole one: the name, the key ID and the base64 of the seed behind its type. */
export const SIGNER_KEY = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(A[Q-Za-f][A-Za-z0-9+/]{42})$/;

const NONE = [
  /^/,
  "this is not a signer key",
  "a signer key is one line that begins with PRIVATE+KEY+: countersign keygen NAME makes one",
] as const;

/** What is given in its place: how that looks, what it is, and what to do. */
const MISTAKEN: readonly (readonly [RegExp, string, string])[] = [
  [
    /^[^+\s]+\+[0-9a-f]{8}\+/,
    "this is a verifier key, which signs nothing",
    "give the signer key that belongs to it: the line that begins with PRIVATE+KEY+",
  ],
  [
    /^-----BEGIN/,
    "this is a PEM and no signer key",
    "countersign keygen NAME makes a signer key; a key that exists can be imported into WebCrypto, and given as { vkey, privateKey }",
  ],
];

/** The text, where it can be a signer key's. What is refused is not repeated: it may be a secret all the same. */
export function signerKey(text: string): string {
  if (text.startsWith(SIGNER_PREFIX)) {
    return text;
  }
  refuseQuotes(text);
  const [, message, hint] = MISTAKEN.find(([looks]) => looks.test(text)) ?? NONE;
  throw invalidKey(message, hint);
}

/** Refuses a key's text that has the quotes of the file that it stood in. */
export function refuseQuotes(text: string, member?: string): void {
  if (/^["'`]/.test(text)) {
    throw invalidKey("the key has quotes around it", "leave them out", member);
  }
}

function invalidKey(message: string, hint: string, member = "key"): CountersignError {
  return new CountersignError("key.invalid", message, { member, hint });
}

/** That a text is no signer key. */
export function noSignerKey(): CountersignError {
  return invalidKey(NONE[1], NONE[2]);
}

/** That what began as a signer key is none. */
export function brokenSignerKey(): CountersignError {
  return invalidKey("the signer key is cut off or altered", "copy the whole line again, from PRIVATE+KEY+ on");
}

/** What signs with a key, and whose signatures those are. */
export interface Signing {
  /** The key as the core reads it: a signer key's text, or a vkey. */
  readonly key: string;
  /** Where neither the core nor `signNow` does. */
  readonly sign?: ((bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>) | undefined;
  /** Signs without being waited for. */
  readonly signNow?: ((bytes: Uint8Array<ArrayBuffer>) => Uint8Array) | undefined;
  /** Which of its signatures have to be checked: those of a key that cannot change are all right when the first is. */
  readonly checks: "each" | "first" | "none";
}

/** A signer outside the core. */
export function external(key: Signer | KeyHandle): Signing {
  const { vkey, privateKey, sign } = ownFields(Object(key), ["vkey", "privateKey", "sign"]) as Partial<
    Signer & KeyHandle
  >;
  must(
    typeof vkey === "string" && (privateKey !== undefined || typeof sign === "function"),
    "key",
    "no key to sign with",
    "give a signer key's text, { vkey, privateKey } or { vkey, sign }; generateKeyHandle(name) makes a vkey with its CryptoKey",
  );
  refuseQuotes(vkey);
  const instead = "give the signer key's text itself as key, or its verifier key as vkey";
  must(!vkey.startsWith(SIGNER_PREFIX), "key", "a signer key is given as vkey", instead);
  if (privateKey !== undefined) {
    const pair = 'give the private key of a pair, with "sign" among its usages';
    must(privateKey?.usages?.includes("sign"), "key", "this CryptoKey may not sign", pair);
    return { key: vkey, sign: signerOf(privateKey), checks: "first" };
  }
  return { key: vkey, sign: async (bytes) => asBytes(await (key as Signer).sign(bytes)), checks: "each" };
}

function asBytes(signature: Uint8Array | ArrayBuffer): Uint8Array {
  if (signature instanceof ArrayBuffer) {
    return new Uint8Array(signature);
  }
  if (signature instanceof Uint8Array) {
    return signature;
  }
  throw new TypeError("sign gave no bytes");
}

/** What signs with a key of WebCrypto's. */
export function signerOf(key: PrivateKey): Signing["sign"] {
  return async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes));
}
