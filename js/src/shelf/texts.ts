import type { Numbers } from "./numbers.js";
import { type Sieve, Sifter } from "./sieve.js";
import { Unescaper } from "./utf8.js";

/** Whole events up to so many bytes go into one blob. */
const CHUNK = 1 << 20;
/** And up to so many have a sieve of their own. */
const PART = 1 << 18;
/** What lies so near to what is wanted is read along with it. */
const NEAR = 32 << 10;
/** A slice of a blob is read so many times as slowly as the blob. */
const SLICED = 2;

/** Events that lie in one blob: those of the rows from `begin` on, up to the next chunk's. */
interface Chunk {
  readonly begin: number;
  readonly bytes: Blob;
  readonly parts: readonly Part[];
}

/** Events of a chunk up to a row, from where those of the part before end. */
export interface Part {
  readonly end: number;
  /** Of the events as they stand, and as people read them. */
  readonly sieve: Sieve;
}

/** Bytes of a chunk from a place on. */
export interface Stretch {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** The events' bytes, one after the other: in blobs, which a browser keeps outside of the page's memory. */
export class Texts {
  readonly #chunks: Chunk[] = [];
  /** Where in its chunk each row's event begins. */
  readonly #places: Numbers;
  readonly #lengths: Numbers;
  readonly #part: number;
  #open: Uint8Array<ArrayBuffer>;
  #openBytes = 0;
  #openBegin = 0;
  #openParts: Part[] = [];
  /** How much of what is open is in its parts. */
  #parted = 0;
  readonly #sifter = new Sifter();
  readonly #unescaper = new Unescaper();

  constructor(places: Numbers, lengths: Numbers, chunk = CHUNK, part = PART) {
    this.#places = places;
    this.#lengths = lengths;
    this.#open = new Uint8Array(chunk);
    this.#part = part;
  }

  /** How many chunks there are, with the one that is being filled. */
  get chunks(): number {
    return this.#chunks.length + 1;
  }

  /** Keeps the bytes of a row's event, and gives their place in the chunk. */
  keep(bytes: Uint8Array, begin: number, end: number, row: number, isEscaped: boolean): number {
    const length = end - begin;
    if (this.#openBytes + length > this.#open.length) {
      this.#seal(row);
    } else if (this.#openBytes + length > this.#parted + this.#part) {
      this.#sift(row);
    }
    if (length > this.#open.length) {
      this.#open = new Uint8Array(length);
    }
    const place = this.#openBytes;
    this.#open.set(bytes.subarray(begin, end), place);
    this.#openBytes += length;
    if (isEscaped) {
      const read = this.#unescaper.read(bytes, begin, end);
      this.#sifter.add(this.#unescaper.bytes, 0, read);
    }
    return place;
  }

  /** The first row of a chunk. */
  beginOf(chunk: number): number {
    return this.#chunks[chunk]?.begin ?? this.#openBegin;
  }

  /** The parts of a chunk. What came last is in none yet. */
  partsOf(chunk: number): readonly Part[] {
    return this.#chunks[chunk]?.parts ?? this.#openParts;
  }

  /** All bytes of a chunk from a row's event to another's, or more. */
  async stretch(chunk: number, first: number, last: number): Promise<Stretch> {
    const [begin, end] = [this.#places.get(first), this.#endOf(last)];
    const kept = this.#chunks[chunk];
    if (kept === undefined || end - begin < kept.bytes.size / SLICED) {
      return { bytes: await this.#slice(chunk, begin, end), at: begin };
    }
    return { bytes: new Uint8Array(await kept.bytes.arrayBuffer()), at: 0 };
  }

  /** The bytes of the events in these rows, in their order. */
  async read(rows: ArrayLike<number>): Promise<Uint8Array[]> {
    const wanted = Array.from(rows, (row, nth) => ({ row, nth, chunk: this.#chunkOf(row) }));
    wanted.sort((one, other) => one.row - other.row);
    const found: Uint8Array[] = new Array(wanted.length);
    const reading: Promise<void>[] = [];
    for (let from = 0; from < wanted.length; ) {
      const first = wanted[from];
      let to = from + 1;
      let last = first;
      for (let next = wanted[to]; next && last && this.#areNear(last, next); next = wanted[to]) {
        last = next;
        to += 1;
      }
      if (first && last) {
        const part = wanted.slice(from, to);
        const begin = this.#places.get(first.row);
        reading.push(
          this.#slice(first.chunk, begin, this.#endOf(last.row)).then((bytes) => {
            for (const { row, nth } of part) {
              const at = this.#places.get(row) - begin;
              found[nth] = bytes.subarray(at, at + this.#lengths.get(row));
            }
          }),
        );
      }
      from = to;
    }
    await Promise.all(reading);
    return found;
  }

  #areNear(one: { row: number; chunk: number }, next: { row: number; chunk: number }): boolean {
    return next.chunk === one.chunk && this.#places.get(next.row) - this.#endOf(one.row) <= NEAR;
  }

  #endOf(row: number): number {
    return this.#places.get(row) + this.#lengths.get(row);
  }

  async #slice(chunk: number, begin: number, end: number): Promise<Uint8Array> {
    const kept = this.#chunks[chunk];
    return kept === undefined
      ? this.#open.slice(begin, end)
      : new Uint8Array(await kept.bytes.slice(begin, end).arrayBuffer());
  }

  #chunkOf(row: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.beginOf(middle) <= row) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  #seal(row: number): void {
    this.#sift(row);
    const bytes = new Blob([this.#open.subarray(0, this.#openBytes)]);
    this.#chunks.push({ begin: this.#openBegin, bytes, parts: this.#openParts });
    this.#openBegin = row;
    this.#openBytes = 0;
    this.#openParts = [];
    this.#parted = 0;
  }

  /** Events up to this row become a part. */
  #sift(row: number): void {
    this.#sifter.add(this.#open, this.#parted, this.#openBytes);
    this.#openParts.push({ end: row, sieve: this.#sifter.sieve() });
    this.#parted = this.#openBytes;
  }
}
