import { deflateRawSync } from "node:zlib";

/** Bytes as text for a script: deflated, then in base64. `src/unpack.ts` undoes it. */
export function packed(bytes: Uint8Array | string): string {
  return deflateRawSync(bytes, { level: 9, memLevel: 9 }).toString("base64");
}
