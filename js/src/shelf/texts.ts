import type { Numbers } from "./numbers.js";

/** Whole events up to so many bytes go into one blob. */
const CHUNK = 1 << 20;
/** What lies so near to what is wanted is read along with it. */
const NEAR = 32 << 10;

/** Events that lie in one blob: those of the rows from `begin` on, up to the next chunk's. */
interface Chunk {
  readonly begin: number;
  readonly bytes: Blob;
}

/** The events' bytes, one after the other: in blobs, which a browser keeps outside of the page's memory. */
export class Texts {
  readonly #chunks: Chunk[] = [];
  /** Where in its chunk each row's event begins. */
  readonly #places: Numbers;
  readonly #lengths: Numbers;
  #open = new Uint8Array(CHUNK);
  #openBytes = 0;
  #openBegin = 0;

  constructor(places: Numbers, lengths: Numbers) {
    this.#places = places;
    this.#lengths = lengths;
  }

  /** How many chunks there are, with the one that is being filled. */
  get chunks(): number {
    return this.#chunks.length + 1;
  }

  /** Keeps the bytes of a row's event, and gives their place in the chunk. */
  keep(bytes: Uint8Array, begin: number, end: number, row: number): number {
    const length = end - begin;
    if (this.#openBytes + length > this.#open.length) {
      this.#seal(row);
    }
    if (length > this.#open.length) {
      this.#open = new Uint8Array(length);
    }
    const place = this.#openBytes;
    this.#open.set(bytes.subarray(begin, end), place);
    this.#openBytes += length;
    return place;
  }

  /** The first row of a chunk. */
  beginOf(chunk: number): number {
    return this.#chunks[chunk]?.begin ?? this.#openBegin;
  }

  /** All bytes of a chunk. */
  async chunk(chunk: number): Promise<Uint8Array<ArrayBuffer>> {
    const kept = this.#chunks[chunk];
    return kept === undefined ? this.#open.slice(0, this.#openBytes) : new Uint8Array(await kept.bytes.arrayBuffer());
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
          this.#slice(first.chunk, begin, this.#places.get(last.row) + this.#lengths.get(last.row)).then((bytes) => {
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
    const end = this.#places.get(one.row) + this.#lengths.get(one.row);
    return next.chunk === one.chunk && this.#places.get(next.row) - end <= NEAR;
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
    this.#chunks.push({ begin: this.#openBegin, bytes: new Blob([this.#open.subarray(0, this.#openBytes)]) });
    this.#openBegin = row;
    this.#openBytes = 0;
  }
}
