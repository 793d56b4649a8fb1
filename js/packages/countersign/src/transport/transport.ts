/** Where lines go that no log proves to have. */

import { concat } from "../bytes.js";

/** The position of a chunk's lines in their chain. */
export interface ChunkPosition {
  /** The chain's name: 32 characters of hex. */
  readonly chain: string;
  /** The `seq` of the link in the first line. */
  readonly first: number;
  /** The `seq` of the link in the last line. Each line has one link. */
  readonly last: number;
  /** True if the export's header comes before these lines, as a line of its own. */
  readonly hasHeader: boolean;
}

/**
 * Takes a chunk of an export: whole lines, in order, one chunk at a time. The next waits for what it returns. All chunks
 * together are an export.
 *
 * If it throws or rejects, its lines are given to it again, perhaps together with later ones, or in several chunks, and
 * after a restart if the recorder has an outbox. A function that may have stored lines although it failed has to leave
 * out those that it has: by their `position`, the pair of chain and `seq` names each line.
 */
export type TransportFunction = (chunk: Uint8Array<ArrayBuffer>, position: ChunkPosition) => unknown;

/** A transport that goes on with what it has from before. */
export interface TransportObject {
  /** Whether it has the header of an export already. */
  begun(): boolean | PromiseLike<boolean>;
  /** Takes a chunk, as a {@link TransportFunction} does. */
  write: TransportFunction;
  /** Lets go of what it holds, when the recorder is closed. */
  close?(): unknown;
}

/** A transport that recognizes repeated lines by what it has, without their position. */
export interface StoringTransport extends TransportObject {
  write: (chunk: Uint8Array<ArrayBuffer>) => unknown;
}

/** Takes what a recorder hands on. */
export type Transport = TransportFunction | TransportObject;

/** Keeps the export in memory. */
export interface Memory {
  /** Appends a chunk. */
  (chunk: Uint8Array<ArrayBuffer>): void;
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
