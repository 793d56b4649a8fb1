/** Where lines go that no log proves to have. */

import { concat } from "../bytes.js";

/**
 * Takes a chunk of an export: whole lines, in order, one chunk at a time. The next waits for what it returns, and a
 * chunk that it fails to take is given to it again. All chunks together are an export.
 */
export type TransportFunction = (chunk: Uint8Array<ArrayBuffer>) => unknown;

/** A transport that goes on with what it has from before. */
export interface TransportObject {
  /** Whether it has the header of an export already. */
  begun(): boolean | PromiseLike<boolean>;
  /** Takes a chunk, as a {@link TransportFunction} does. */
  write: TransportFunction;
  /** Lets go of what it holds, when the recorder is closed. */
  close?(): unknown;
}

/** Takes what a recorder hands on. */
export type Transport = TransportFunction | TransportObject;

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
