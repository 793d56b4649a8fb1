/** A file that is read twice: once to be verified, and then here and there, where it must still be the same. */

import { CountersignError } from "../error.js";
import { type Deferred, deferred, inTurn } from "../promises.js";
import { PIECE } from "../verify/roles.js";
import { open, type Reading, readable } from "../verify/source.js";

/** How many pieces are kept that were read last: events that follow each other often stand in the same ones. */
const KEPT = 4;

/** Whether pieces can be hashed: not in a page that did not come over HTTPS. */
export function canHash(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

function hashOf(piece: Uint8Array): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", piece as Uint8Array<ArrayBuffer>);
}

/** Reads a file to verify it, and tells the hash of each piece: so many bytes, but for the last. */
export function openHashing(file: Blob, told: (nth: number, hash: ArrayBuffer) => void): Reading {
  const reading = open(file);
  let pieces = 0;
  return {
    ...reading,
    isKept: true,
    next: async (buffer) => {
      const piece = await reading.next(buffer);
      if (piece !== undefined) {
        const nth = pieces++;
        // The bytes are copied before this returns: whoever is given the piece may move them.
        void hashOf(piece).then((hash) => told(nth, hash));
      }
      return piece;
    },
  };
}

/** Reads stretches of a file of which the pieces' hashes come to be known. */
export class HashedFile {
  readonly #file: Blob;
  readonly #hashes: Deferred<ArrayBuffer>[] = [];
  /** The one that was used last comes last. */
  readonly #kept = new Map<number, Uint8Array>();
  readonly #next = inTurn();

  constructor(file: Blob) {
    this.#file = file;
  }

  /** A piece has this hash. */
  know(nth: number, hash: ArrayBuffer): void {
    this.#hash(nth).resolve(hash);
  }

  /** Reads a stretch into as many bytes. */
  read(begin: number, into: Uint8Array): Promise<void> {
    return this.#next(async () => {
      const end = begin + into.length;
      for (let at = begin; at < end; ) {
        const nth = Math.floor(at / PIECE);
        const from = nth * PIECE;
        const piece = await this.#piece(nth);
        const part = piece.subarray(at - from, end - from);
        if (part.length === 0) {
          throw changed();
        }
        into.set(part, at - begin);
        at += part.length;
      }
    });
  }

  async #piece(nth: number): Promise<Uint8Array> {
    const kept = this.#kept.get(nth);
    this.#kept.delete(nth);
    const piece = kept ?? (await this.#readPiece(nth));
    this.#kept.set(nth, piece);
    return piece;
  }

  async #readPiece(nth: number): Promise<Uint8Array> {
    // Not as a stream: in Chromium that of a slice nobody holds may never end.
    const slice = this.#file.slice(nth * PIECE, (nth + 1) * PIECE);
    const piece = new Uint8Array(await readable(() => slice.arrayBuffer()));
    const [known, hash] = await Promise.all([this.#hash(nth).promise, hashOf(piece)]);
    if (!isSame(new Uint8Array(known), new Uint8Array(hash))) {
      throw changed();
    }
    for (const oldest of [...this.#kept.keys()].slice(0, Math.max(0, this.#kept.size - KEPT + 1))) {
      this.#kept.delete(oldest);
    }
    return piece;
  }

  #hash(nth: number): Deferred<ArrayBuffer> {
    this.#hashes[nth] ??= deferred();
    return this.#hashes[nth];
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, nth) => byte === other[nth]);
}

function changed(): CountersignError {
  return new CountersignError("source.unreadable", "the file changed after it was verified", {
    hint: "open it again: what is shown then is verified anew",
  });
}
