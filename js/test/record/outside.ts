/** An external signer, with Node.js's own Ed25519. */

import { createPrivateKey, sign } from "node:crypto";

/** Returns a function that signs with the seed in a private key's text. */
export function signerOf(key: string): (bytes: Uint8Array) => Promise<Uint8Array> {
  const typed = Buffer.from(key.split("+").slice(4).join("+"), "base64");
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const secret = createPrivateKey({ key: Buffer.concat([prefix, typed.subarray(1)]), format: "der", type: "pkcs8" });
  return async (bytes) => new Uint8Array(sign(null, bytes, secret));
}
