/** A transport that keeps what it is given. */

import { concat } from "../bytes.js";
import type { TransportFunction } from "./transport.js";

/** Keeps the export in memory. */
export interface Memory extends TransportFunction {
  /** All lines up to now. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** The same as text. */
  text(): string;
}

/** Makes a transport that keeps the export in memory. */
export function memory(): Memory {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  return Object.assign((chunk: Uint8Array<ArrayBuffer>) => void chunks.push(chunk), {
    bytes: () => concat(chunks),
    text: () => new TextDecoder().decode(concat(chunks)),
  });
}
