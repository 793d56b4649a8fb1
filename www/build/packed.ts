import { deflateRawSync } from "node:zlib";

/** Packs bytes as text for a script: deflate, then base64. `src/unpack.ts` unpacks them. */
export function packed(bytes: Uint8Array | string): string {
  return deflateRawSync(bytes, { level: 9, memLevel: 9 }).toString("base64");
}
