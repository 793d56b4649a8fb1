/** A source for the core, which reads without waiting, twice, and writes what it makes. */

/** How many bytes are read at a time. */
const PIECE = 1 << 20;
/** How many bytes are read between two words about it. */
const TOLD = 8 << 20;

/** Reads a stretch of a source. */
type Read = (begin: number, end: number) => Uint8Array;

/** The bytes of a blob, piece by piece, and what was written. */
export class Pieces {
  readonly #size: number;
  readonly #read: Read;
  readonly #told: (bytes: number) => void;
  #at = 0;
  #all = 0;
  #nextTold = TOLD;
  #parts: BlobPart[] = [];

  private constructor(size: number, read: Read, told: (bytes: number) => void) {
    this.#size = size;
    this.#read = read;
    this.#told = told;
  }

  /** For this blob. `told` hears how many bytes were read, counted over all readings. */
  static async open(source: Blob, told: (bytes: number) => void): Promise<Pieces> {
    return new Pieces(source.size, await reader(source), told);
  }

  rewind(): void {
    this.#at = 0;
  }

  next(): Uint8Array | undefined {
    if (this.#at >= this.#size) {
      return undefined;
    }
    const end = Math.min(this.#at + PIECE, this.#size);
    const bytes = this.#read(this.#at, end);
    this.#at = end;
    this.#all += bytes.length;
    if (this.#all >= this.#nextTold) {
      this.#nextTold = this.#all + TOLD;
      this.#told(this.#all);
    }
    return bytes;
  }

  write(bytes: Uint8Array): void {
    // A blob of its own, which the browser may keep on disk: together they can be as long as the source.
    this.#parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  }

  /** All that was written. */
  written(type: string): Blob {
    return new Blob(this.#parts, { type });
  }
}

/** In the web's workers a file is read without waiting. Elsewhere it is in memory first. */
async function reader(source: Blob): Promise<Read> {
  if (typeof FileReaderSync === "undefined") {
    const all = new Uint8Array(await source.arrayBuffer());
    return (begin, end) => all.subarray(begin, end);
  }
  const files = new FileReaderSync();
  return (begin, end) => new Uint8Array(files.readAsArrayBuffer(source.slice(begin, end)));
}

/** Of the library for workers, which cannot be loaded beside that for pages. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
