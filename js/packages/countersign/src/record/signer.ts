/** Signers of a chain. */

import { CountersignError, must } from "../error.js";
import { ownFields } from "../own.js";

/** A signer whose key is elsewhere: in a KMS, an HSM, or a server. */
export interface Signer {
  /** The public key (vkey): `name+hhhhhhhh+base64`. */
  readonly vkey: string;
  /** Returns the Ed25519 signature (64 bytes) of exactly these bytes. */
  sign(bytes: Uint8Array<ArrayBuffer>): Uint8Array | ArrayBuffer | PromiseLike<Uint8Array | ArrayBuffer>;
}

/** A `CryptoKey`, whose type is missing in some versions of Node.js's types. */
type PrivateKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A WebCrypto private key, which need not be extractable, with its public key. */
export interface KeyHandle {
  /** The public key (vkey): `name+hhhhhhhh+base64`. */
  readonly vkey: string;
  /** An Ed25519 private key with the usage `sign`. */
  readonly privateKey: PrivateKey;
}

/** The prefix of a private key's text. */
export const SIGNER_PREFIX = "PRIVATE+KEY+";

/** Matches a complete private key: the name, the key ID, and the base64 of the type and the seed. */
export const SIGNER_KEY = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(A[Q-Za-f][A-Za-z0-9+/]{42})$/;

const NONE = [
  /^/,
  "this is not a private key",
  "pass one line that begins with PRIVATE+KEY+, such as from `npx countersign keygen NAME`",
] as const;

/** Texts that are commonly passed by mistake: a pattern, the message, and the hint. */
const MISTAKEN: readonly (readonly [RegExp, string, string])[] = [
  [
    /^[^+\s]+\+[0-9a-f]{8}\+/,
    "a public key (vkey) can't sign; a private key is needed",
    "pass the matching private key, the line that begins with PRIVATE+KEY+",
  ],
  [
    /^-----BEGIN/,
    "PEM keys are not supported",
    "create a private key with `npx countersign keygen NAME`, or import the existing one into WebCrypto and pass { vkey, privateKey }",
  ],
];

/** Returns the text if it can be a private key. Errors don't repeat it, because it may be a secret of another kind. */
export function signerKey(text: string): string {
  if (text.startsWith(SIGNER_PREFIX)) {
    return text;
  }
  refuseQuotes(text);
  const [, message, hint] = MISTAKEN.find(([looks]) => looks.test(text)) ?? NONE;
  throw invalidKey(message, hint);
}

/** Throws if a key's text includes the quotes of the file that it was copied from. */
export function refuseQuotes(text: string, member?: string): void {
  if (/^["'`]/.test(text)) {
    throw invalidKey("the key is enclosed in quotes", "remove the quotes", member);
  }
}

function invalidKey(message: string, hint: string, member = "key"): CountersignError {
  return new CountersignError("key.invalid", message, { member, hint });
}

/** Returns the error for text that isn't a private key. */
export function noSignerKey(): CountersignError {
  const [, message, hint] = NONE;
  return invalidKey(message, hint);
}

/** Returns the error for an incomplete private key. */
export function brokenSignerKey(): CountersignError {
  return invalidKey("the private key is incomplete or altered", "copy the whole line again, from PRIVATE+KEY+ on");
}

/** A key with the functions that sign with it. */
export interface Signing {
  /** The key as the core reads it: a private key's text, or a vkey. */
  readonly key: string;
  /** Signs asynchronously, if neither the core nor `signNow` signs. */
  readonly sign?: ((bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>) | undefined;
  /** Signs synchronously. */
  readonly signNow?: ((bytes: Uint8Array<ArrayBuffer>) => Uint8Array) | undefined;
  /** The signatures to verify. If a key can't change, verifying the first is enough. */
  readonly checks: "each" | "first" | "none";
}

/** Returns the functions of a signer outside the core. */
export function external(key: Signer | KeyHandle): Signing {
  const { vkey, privateKey, sign } = ownFields(Object(key), ["vkey", "privateKey", "sign"]) as Partial<
    Signer & KeyHandle
  >;
  must(
    typeof vkey === "string" && (privateKey !== undefined || typeof sign === "function"),
    "key",
    "`key` must be a private key or a signer",
    "pass a private key's text, { vkey, privateKey }, or { vkey, sign }; generateKeyHandle(name) returns a CryptoKey with its vkey",
  );
  refuseQuotes(vkey);
  const instead = "pass the private key's text as `key`, or set `vkey` to the matching public key";
  must(!vkey.startsWith(SIGNER_PREFIX), "key", "`vkey` contains a private key", instead);
  if (privateKey !== undefined) {
    const pair = 'pass the private key of a pair, with the usage "sign"';
    must(privateKey?.usages?.includes("sign"), "key", "the CryptoKey does not allow signing", pair);
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
  throw new TypeError("`sign` must return a Uint8Array or an ArrayBuffer");
}

/** Returns a function that signs with a WebCrypto key. */
export function signerOf(key: PrivateKey): NonNullable<Signing["sign"]> {
  return async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes));
}
