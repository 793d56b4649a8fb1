/**
 * The bytes of an export. They are read once for verification; parts are read again later and must be unchanged.
 */

import { CountersignError } from "@countersign/shared/error.js";
import { type Deferred, deferred, inTurn } from "@countersign/shared/promises.js";
import { CHUNK_BYTES, open, type Reading, readable, type Source } from "@countersign/shared/verify.js";

/**
 * Number of pieces of 256 KiB kept in memory. If many chains alternate, one signature covers events in many pieces, and
 * the next signature mostly covers events in the same pieces.
 */
const MAX_PIECES = 64;
/** Maximum number of pieces per read. In Chromium a read costs as much as some hundred KiB of data. */
const MAX_RUN = 16;
const EMPTY = new Uint8Array();

/** A piece of an export: its hash if the export is a file, or else its bytes. */
export type KnownPiece = ArrayBuffer | Blob;

/**
 * Opens an export for verification, and reports each piece. All pieces but the last are `CHUNK_BYTES` bytes long. A
 * file is reread in place. Other sources are kept, as are files on pages without HTTPS, where hashes aren't available.
 */
export function openKept(source: Source, onPiece: (nth: number, piece: KnownPiece) => void): Reading {
  const reading = open(source);
  const file = source instanceof Blob && globalThis.crypto?.subtle !== undefined ? source : undefined;
  const pieces: Blob[] = [];
  let count = 0;
  let blob = file;
  return {
    ...reading,
    kept: () => {
      blob ??= new Blob(pieces);
      return blob;
    },
    next: async (buffer) => {
      const piece = (await reading.next(buffer)) as Uint8Array<ArrayBuffer> | undefined;
      // The bytes are copied before this returns, because the caller may transfer them.
      if (piece !== undefined && file !== undefined) {
        const nth = count;
        void hashOf(piece).then((hash) => onPiece(nth, hash));
      } else if (piece !== undefined) {
        const known = new Blob([piece]);
        pieces.push(known);
        onPiece(count, known);
      }
      count += 1;
      return piece;
    },
  };
}

function hashOf(piece: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", piece);
}

/** Reads ranges of an export as its pieces become known. */
export class ExportBytes {
  readonly #file: Blob | undefined;
  readonly #known: Deferred<KnownPiece>[] = [];
  /** Numbers of the pieces that are known. */
  readonly #reported = new Set<number>();
  /** Ordered by last use; the most recent is last. */
  readonly #pieces = new Map<number, Uint8Array>();
  readonly #next = inTurn();

  /** `file` is undefined if pieces are kept. */
  constructor(file: Blob | undefined) {
    this.#file = file;
  }

  know(nth: number, piece: KnownPiece): void {
    this.#reported.add(nth);
    this.#piece(nth).resolve(piece);
  }

  /** Fills `into` with the bytes from `begin` on. */
  read(begin: number, into: Uint8Array): Promise<void> {
    return this.#next(async () => {
      const end = begin + into.length;
      for (let at = begin; at < end; ) {
        const nth = Math.floor(at / CHUNK_BYTES);
        const from = nth * CHUNK_BYTES;
        const piece = await this.#load(nth, Math.ceil(end / CHUNK_BYTES));
        const part = piece.subarray(at - from, end - from);
        if (part.length === 0) {
          throw changed();
        }
        into.set(part, at - begin);
        at += part.length;
      }
    });
  }

  /** Returns a piece, and reads the following pieces up to `end` along with it. */
  async #load(nth: number, end: number): Promise<Uint8Array> {
    let piece = this.#pieces.get(nth);
    this.#pieces.delete(nth);
    if (piece === undefined) {
      const [first = EMPTY, ...others] = await this.#read(nth, this.#runEnd(nth, end));
      others.forEach((other, after) => void this.#pieces.set(nth + 1 + after, other));
      piece = first;
    }
    this.#pieces.set(nth, piece);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= MAX_PIECES) {
        break;
      }
      this.#pieces.delete(oldest);
    }
    return piece;
  }

  /**
   * Returns the end of the run of pieces to read from this one on. Sequential readers will need the following pieces
   * too.
   */
  #runEnd(nth: number, end: number): number {
    const last = nth + MAX_RUN;
    const isNext = this.#pieces.has(nth - 1);
    let to = nth + 1;
    while (to < last && !this.#pieces.has(to) && (to < end || (isNext && this.#reported.has(to)))) {
      to += 1;
    }
    return to;
  }

  /** Reads consecutive pieces of a file. If pieces are kept, reads only the first. */
  async #read(from: number, to: number): Promise<Uint8Array[]> {
    const known = await this.#piece(from).promise;
    if (known instanceof Blob) {
      return [new Uint8Array(await readable(() => known.arrayBuffer()))];
    }
    const run = this.#file?.slice(from * CHUNK_BYTES, to * CHUNK_BYTES) ?? new Blob();
    // Not read as a stream: in Chromium, the stream of a slice that is garbage collected may never end.
    const bytes = await readable(() => run.arrayBuffer());
    const pieces = Array.from({ length: to - from }, async (_, after) => {
      // Copied, so that one piece doesn't keep the whole buffer in memory.
      const piece = new Uint8Array(bytes.slice(after * CHUNK_BYTES, (after + 1) * CHUNK_BYTES));
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

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, nth) => byte === b[nth]);
}

function changed(): CountersignError {
  return new CountersignError("source.unreadable", "the file changed after it was verified", {
    hint: "open it again to verify its current content",
  });
}
