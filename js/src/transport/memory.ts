/** A transport that keeps what it is given. */

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
  const bytes = () => {
    const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
    let end = 0;
    for (const chunk of chunks) {
      all.set(chunk, end);
      end += chunk.length;
    }
    return all;
  };
  return Object.assign((chunk: Uint8Array<ArrayBuffer>) => void chunks.push(chunk), {
    bytes,
    text: () => new TextDecoder().decode(bytes()),
  });
}
