/** Transports: destinations of lines that give no proof of delivery. */

import { concat } from "../bytes.js";

/** The position of a chunk's lines in their chain. */
export interface ChunkPosition {
  /** The chain's name: 32 hex characters. */
  readonly chain: string;
  /** The `seq` of the link in the first line. */
  readonly first: number;
  /** The `seq` of the link in the last line. Each line has one link. */
  readonly last: number;
  /** True if the export's header precedes these lines, as a separate line. */
  readonly hasHeader: boolean;
}

/**
 * Receives a chunk of an export: complete lines, in order. The next call waits for the returned promise. All chunks
 * together are an export.
 *
 * If it throws or rejects, its lines are passed to it again, possibly together with later ones or in several chunks,
 * and after a restart if the recorder has an outbox. A function that may have stored lines despite a failure must skip
 * those that it already has; the chain and `seq` in `position` identify each line.
 */
export type TransportFunction = (chunk: Uint8Array<ArrayBuffer>, position: ChunkPosition) => unknown;

/** A transport that continues an existing export. */
export interface TransportObject {
  /** Returns true if it already has the header of an export. */
  begun(): boolean | PromiseLike<boolean>;
  /** Receives a chunk, like a {@link TransportFunction}. */
  write: TransportFunction;
  /** Releases its resources when the recorder is closed. */
  close?(): unknown;
}

/** A transport that detects repeated lines itself and doesn't need their position. */
export interface StoringTransport extends TransportObject {
  write: (chunk: Uint8Array<ArrayBuffer>) => unknown;
}

/** A transport: receives the lines of a recorder. */
export type Transport = TransportFunction | TransportObject;

/** A transport that keeps the export in memory. */
export interface Memory {
  /** Appends a chunk. */
  (chunk: Uint8Array<ArrayBuffer>): void;
  /** Returns all lines so far. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** Returns all lines so far as a string. */
  text(): string;
}

/** Creates a transport that keeps the export in memory. */
export function memory(): Memory {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  return Object.assign((chunk: Uint8Array<ArrayBuffer>) => void chunks.push(chunk), {
    bytes: () => concat(chunks),
    text: () => new TextDecoder().decode(concat(chunks)),
  });
}
