/** Keeps what is read on its way to the verifier, so that parts can be cut out of the very same bytes. */

type Bytes = Uint8Array<ArrayBuffer>;

/** What has come is handed to the browser in pieces of this size, which may keep them out of memory. */
const PIECE = 8 << 20;

/** A stream that is kept. */
export interface Captured {
  /** The stream to read in its place. */
  readonly stream: ReadableStream<Bytes>;
  /** All of it, once it was read to its end. */
  readonly blob: () => Blob | undefined;
}

/** Has a stream's bytes kept. */
export function captured(stream: ReadableStream<Bytes>): Captured {
  let pieces: Blob[] = [];
  let chunks: Bytes[] = [];
  let waiting = 0;
  let blob: Blob | undefined;
  const keeping = new TransformStream<Bytes, Bytes>({
    transform(chunk, controller) {
      // Whoever reads the stream copies from a chunk and leaves it as it is.
      chunks.push(chunk);
      waiting += chunk.length;
      if (waiting >= PIECE) {
        pieces.push(new Blob(chunks));
        chunks = [];
        waiting = 0;
      }
      controller.enqueue(chunk);
    },
    flush() {
      blob = new Blob([...pieces, ...chunks]);
      pieces = [];
      chunks = [];
    },
  });
  return { stream: stream.pipeThrough(keeping), blob: () => blob };
}
