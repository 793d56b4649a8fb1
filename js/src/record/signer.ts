/** Who signs a chain. */

import { CountersignError } from "../error.js";

/** Signs with a key that lies elsewhere: a KMS, an HSM, a server. */
export interface Signer {
  /** The key's verifier key: `name+hhhhhhhh+base64`. */
  readonly vkey: string;
  /** The Ed25519 signature, 64 bytes, over exactly these bytes. */
  sign(bytes: Uint8Array<ArrayBuffer>): Uint8Array | ArrayBuffer | PromiseLike<Uint8Array | ArrayBuffer>;
}

/** A key of WebCrypto's, which need not be extractable, with its verifier key. */
export interface KeyHandle {
  /** The key's verifier key: `name+hhhhhhhh+base64`. */
  readonly vkey: string;
  /** An Ed25519 key that may sign. */
  readonly privateKey: CryptoKey;
}

/** What every signer comes down to: the text of its key for the core, and where the core does not sign, what does. */
export interface Signing {
  readonly key: string;
  readonly sign: ((bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>) | undefined;
}

/** What a signer key's text begins with. */
export const SIGNER_PREFIX = "PRIVATE+KEY+";

/** The text, where it can be a signer key's. */
export function signerKey(text: string): string {
  if (!text.startsWith(SIGNER_PREFIX)) {
    throw noSignerKey();
  }
  return text;
}

/** That a text is no signer key. It is not repeated: it may be a secret all the same. */
export function noSignerKey(): CountersignError {
  return new CountersignError("key.invalid", "this is no signer key", {
    member: "key",
    hint: "a signer key is one line that begins with PRIVATE+KEY+",
  });
}

/** A signer outside the core. */
export function external(key: Signer | KeyHandle): Signing {
  if (typeof key !== "object" || key === null || typeof key.vkey !== "string") {
    throw new CountersignError("options.invalid", "no key to sign with", {
      member: "key",
      hint: "give a signer key's text, { vkey, privateKey } or { vkey, sign }",
    });
  }
  if ("privateKey" in key) {
    const { privateKey } = key;
    return {
      key: key.vkey,
      sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, bytes)),
    };
  }
  return { key: key.vkey, sign: async (bytes) => asBytes(await key.sign(bytes)) };
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
