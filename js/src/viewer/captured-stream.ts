/** Keeps what is read on its way to the verifier, so that parts can be cut out of the very same bytes. */

/** What has come is handed to the browser in pieces of this size, which may keep them out of memory. */
const PIECE = 8 << 20;

/** A stream's bytes. */
export class CapturedStream {
  /** The stream to read in its place. */
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  #pieces: Blob[] = [];
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #waiting = 0;
  /** All of it, once it was read to its end. */
  blob: Blob | undefined;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    const keeping = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, controller) => {
        this.#keep(chunk);
        controller.enqueue(chunk);
      },
      flush: () => {
        this.blob = new Blob([...this.#pieces, ...this.#chunks]);
        this.#pieces = [];
        this.#chunks = [];
      },
    });
    this.stream = stream.pipeThrough(keeping);
  }

  #keep(chunk: Uint8Array<ArrayBuffer>): void {
    // Whoever reads the stream copies from a chunk and leaves it as it is.
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting >= PIECE) {
      this.#pieces.push(new Blob(this.#chunks));
      this.#chunks = [];
      this.#waiting = 0;
    }
  }
}
