/** Signs with the runtime's Ed25519, which takes a fraction of the core's time. */

import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { CountersignError } from "../error.js";
import type { Signing } from "./signer.js";
import { readSignerKey } from "./webcrypto.js";

/** Returns a signer for a private key's text. The core signs if the runtime has no Ed25519. */
export async function nativeSigner(text: string): Promise<Signing> {
  try {
    return await readSignerKey(text, async (pkcs8) => {
      const key = createPrivateKey({ key: Buffer.from(pkcs8.buffer), format: "der", type: "pkcs8" });
      const { x } = createPublicKey(key).export({ format: "jwk" });
      const signNow = (bytes: Uint8Array) => sign(null, bytes, key);
      signNow(new Uint8Array());
      return { x, signNow };
    });
  } catch (error) {
    if (error instanceof CountersignError) {
      throw error;
    }
    return { key: text, checks: "none" };
  }
}
