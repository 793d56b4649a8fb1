/** So many bytes are gathered before they go into a blob. */
const PIECE = 4 << 20;
/** A character of a string takes at most so many bytes. */
const MOST_BYTES = 3;

const encoder = new TextEncoder();

/** Gathers bytes into blobs, piece by piece, so that what is written does not lie in memory. */
export class Sink {
  #pieces: Blob[] = [];
  #bytes = new Uint8Array(PIECE);
  #size = 0;

  text(text: string): void {
    this.reserve(text.length * MOST_BYTES);
    this.#size += encoder.encodeInto(text, this.#bytes.subarray(this.#size)).written;
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** A single byte, for which there is room. */
  put(byte: number): void {
    this.#bytes[this.#size] = byte;
    this.#size += 1;
  }

  /** Makes room for so many bytes. */
  reserve(length: number): void {
    if (this.#size + length > this.#bytes.length) {
      this.#flush();
      if (length > this.#bytes.length) {
        this.#bytes = new Uint8Array(length);
      }
    }
  }

  /** All that was written. */
  blob(type: string): Blob {
    this.#flush();
    return new Blob(this.#pieces, { type });
  }

  #flush(): void {
    this.#pieces.push(new Blob([this.#bytes.subarray(0, this.#size)]));
    this.#size = 0;
  }
}
