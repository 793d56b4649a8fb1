/** An export's bytes: they are read once to be verified, and again here and there, where they must still be the same. */

import { CountersignError } from "@countersign/shared/error.js";
import { type Deferred, deferred, inTurn } from "@countersign/shared/promises.js";
import { open, PIECE, type Reading, readable, type Source } from "@countersign/shared/verify.js";

/**
 * How many pieces are held that were read last, a quarter of a MiB each. Where many chains take turns, events that one
 * signature covers stand in as many pieces, and those of the next one mostly in the same.
 */
const HELD = 64;
/** How many are read together at most: in Chromium a parser costs as much as some hundred KiB of it. */
const TOGETHER = 16;
const EMPTY = new Uint8Array();

/** What is known of a piece of an export: its hash, where the export is a file, or the piece itself. */
export type KnownPiece = ArrayBuffer | Blob;

/**
 * Reads an export to verify it, and tells what is known of each piece: so many bytes, but for the last. A file stays where
 * it is; anything else is kept, and so is a file of which no hashes can be had: in a page that did not come over HTTPS.
 */
export function openKept(source: Source, told: (nth: number, piece: KnownPiece) => void): Reading {
  const reading = open(source);
  const file = source instanceof Blob && globalThis.crypto?.subtle !== undefined ? source : undefined;
  const pieces: Blob[] = [];
  let count = 0;
  let whole = file;
  return {
    ...reading,
    kept: () => {
      whole ??= new Blob(pieces);
      return whole;
    },
    next: async (buffer) => {
      const piece = (await reading.next(buffer)) as Uint8Array<ArrayBuffer> | undefined;
      // The bytes are copied before this returns: whoever is given the piece may move them.
      if (piece !== undefined && file !== undefined) {
        const nth = count;
        void hashOf(piece).then((hash) => told(nth, hash));
      } else if (piece !== undefined) {
        const kept = new Blob([piece]);
        pieces.push(kept);
        told(count, kept);
      }
      count += 1;
      return piece;
    },
  };
}

function hashOf(piece: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", piece);
}

/** Reads stretches of an export whose pieces come to be known. */
export class ExportBytes {
  readonly #file: Blob | undefined;
  readonly #known: Deferred<KnownPiece>[] = [];
  /** Which are known. */
  readonly #told = new Set<number>();
  /** The one that was used last comes last. */
  readonly #held = new Map<number, Uint8Array>();
  readonly #next = inTurn();

  /** Of a file, or of pieces that are kept. */
  constructor(file: Blob | undefined) {
    this.#file = file;
  }

  know(nth: number, piece: KnownPiece): void {
    this.#told.add(nth);
    this.#piece(nth).resolve(piece);
  }

  /** Reads a stretch into as many bytes. */
  read(begin: number, into: Uint8Array): Promise<void> {
    return this.#next(async () => {
      const end = begin + into.length;
      for (let at = begin; at < end; ) {
        const nth = Math.floor(at / PIECE);
        const from = nth * PIECE;
        const piece = await this.#hold(nth, Math.ceil(end / PIECE));
        const part = piece.subarray(at - from, end - from);
        if (part.length === 0) {
          throw changed();
        }
        into.set(part, at - begin);
        at += part.length;
      }
    });
  }

  /** Gives a piece. Those after it that are wanted next, up to another one, are read along with it. */
  async #hold(nth: number, end: number): Promise<Uint8Array> {
    let piece = this.#held.get(nth);
    this.#held.delete(nth);
    if (piece === undefined) {
      const [first = EMPTY, ...others] = await this.#read(nth, this.#together(nth, end));
      others.forEach((other, after) => void this.#held.set(nth + 1 + after, other));
      piece = first;
    }
    this.#held.set(nth, piece);
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= HELD) {
        break;
      }
      this.#held.delete(oldest);
    }
    return piece;
  }

  /** Up to which piece is read from this one on: who reads one after the other will want those that come next too. */
  #together(nth: number, end: number): number {
    const last = nth + TOGETHER;
    const isNext = this.#held.has(nth - 1);
    let to = nth + 1;
    while (to < last && !this.#held.has(to) && (to < end || (isNext && this.#told.has(to)))) {
      to += 1;
    }
    return to;
  }

  /** Reads pieces of a file that follow each other; the first alone, where pieces are kept. */
  async #read(from: number, to: number): Promise<Uint8Array[]> {
    const kept = await this.#piece(from).promise;
    if (kept instanceof Blob) {
      return [new Uint8Array(await readable(() => kept.arrayBuffer()))];
    }
    const run = this.#file?.slice(from * PIECE, to * PIECE) ?? new Blob();
    // Not as a stream: in Chromium that of a slice nobody holds may never end.
    const bytes = await readable(() => run.arrayBuffer());
    const pieces = Array.from({ length: to - from }, async (_, after) => {
      // Each by itself, so that one which is held holds no others.
      const piece = new Uint8Array(bytes.slice(after * PIECE, (after + 1) * PIECE));
      const known = await this.#piece(from + after).promise;
      if (known instanceof Blob || !isSame(new Uint8Array(known), new Uint8Array(await hashOf(piece)))) {
        throw changed();
      }
      return piece;
    });
    return Promise.all(pieces);
  }

  #piece(nth: number): Deferred<KnownPiece> {
    this.#known[nth] ??= deferred();
    return this.#known[nth];
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
