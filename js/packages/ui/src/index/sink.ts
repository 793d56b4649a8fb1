/** Bytes collected before they go into a blob. */
const PIECE_BYTES = 4 << 20;
/** Maximum UTF-8 bytes per UTF-16 code unit. */
const MAX_UTF8_BYTES = 3;

const encoder = new TextEncoder();

/** Collects bytes into blobs piece by piece, so that the output isn't held in memory. */
export class Sink {
  #pieces: Blob[] = [];
  #bytes = new Uint8Array(PIECE_BYTES);
  #size = 0;

  text(text: string): void {
    this.reserve(text.length * MAX_UTF8_BYTES);
    this.#size += encoder.encodeInto(text, this.#bytes.subarray(this.#size)).written;
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** Appends a byte. Room must have been reserved. */
  put(byte: number): void {
    this.#bytes[this.#size] = byte;
    this.#size += 1;
  }

  /** Makes room for `length` bytes. */
  reserve(length: number): void {
    if (this.#size + length > this.#bytes.length) {
      this.#flush();
      if (length > this.#bytes.length) {
        this.#bytes = new Uint8Array(length);
      }
    }
  }

  /** Returns everything written. */
  blob(type: string): Blob {
    this.#flush();
    return new Blob(this.#pieces, { type });
  }

  #flush(): void {
    this.#pieces.push(new Blob([this.#bytes.subarray(0, this.#size)]));
    this.#size = 0;
  }
}
