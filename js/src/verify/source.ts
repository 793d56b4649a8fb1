/** Where an export comes from, read in pieces of bounded size. */

import { CountersignError } from "../error.js";

/** What an export can be read from, compressed with gzip or zstd or not. */
export type Source = Blob | Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array;

/** The greatest size of a piece. */
const PIECE = 256 << 10;

/** A source that is being read. */
export interface Reading {
  /** How many bytes there are, where that is known. */
  readonly total: number | undefined;
  /** The next bytes, in a buffer of their own; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Nothing more is wanted. Does nothing at the end. */
  cancel(reason: unknown): void;
}

/** Begins to read. */
export function open(source: Source): Reading {
  if (ArrayBuffer.isView(source)) {
    return new Bytes(source);
  }
  if (typeof source === "object" && source !== null) {
    if (isBlob(source)) {
      return new Sliced(source);
    }
    if (isResponse(source)) {
      return openResponse(source);
    }
    if (isStream(source)) {
      return new Pieces(streamed(source), undefined);
    }
    if (isIterable(source)) {
      return new Pieces(iterated(source), undefined);
    }
  }
  throw new CountersignError("source.invalid", "this is no source that an export could be read from", {
    hint: "give a Blob or File, a Response, a ReadableStream, an async iterable of Uint8Array, or a Uint8Array",
  });
}

function openResponse(response: Response): Reading {
  if (!response.ok) {
    throw new CountersignError("source.invalid", `the server answered with status ${response.status}`, {
      hint: "an export is expected with status 200: check the address, and whether it needs a login",
    });
  }
  if (response.bodyUsed) {
    throw used();
  }
  // The length on the wire is that of the body only where fetch does not decode it.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  return response.body === null ? new Bytes(new Uint8Array()) : new Pieces(streamed(response.body), total);
}

class Bytes implements Reading {
  readonly total: number;
  #bytes: Uint8Array;
  #at = 0;

  constructor(view: ArrayBufferView) {
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.total = view.byteLength;
  }

  async next(): Promise<Uint8Array | undefined> {
    const piece = new Uint8Array(this.#bytes.subarray(this.#at, this.#at + PIECE));
    this.#at += piece.length;
    return piece.length > 0 ? piece : undefined;
  }

  cancel(): void {}
}

class Sliced implements Reading {
  readonly total: number;
  #blob: Blob;
  #at = 0;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.total = blob.size;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#at === this.total) {
      return undefined;
    }
    const end = Math.min(this.#at + PIECE, this.total);
    const bytes = await readable(() => this.#blob.slice(this.#at, end).arrayBuffer());
    if (bytes.byteLength !== end - this.#at) {
      throw unreadable("the file became shorter while it was read");
    }
    this.#at = end;
    return new Uint8Array(bytes);
  }

  cancel(): void {}
}

/** A source of chunks of any size. */
interface ChunkReader {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  cancel(reason: unknown): Promise<unknown>;
}

class Pieces implements Reading {
  #chunks: ChunkReader;
  #rest: Uint8Array = new Uint8Array();
  #ended = false;

  constructor(
    chunks: ChunkReader,
    readonly total: number | undefined,
  ) {
    this.#chunks = chunks;
  }

  async next(): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await readable(() => this.#chunks.next());
      if (done === true) {
        this.#ended = true;
        return undefined;
      }
      if (!ArrayBuffer.isView(value)) {
        throw new CountersignError("source.invalid", "the source gave something else than a Uint8Array", {
          hint: "read the export as bytes: without an encoding, and not as text",
        });
      }
      this.#rest = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    }
    // A copy: the chunk's buffer is not ours to move, and may be used again for the next chunk.
    const piece = new Uint8Array(this.#rest.subarray(0, PIECE));
    this.#rest = this.#rest.subarray(PIECE);
    return piece;
  }

  cancel(reason: unknown): void {
    if (!this.#ended) {
      this.#ended = true;
      // Who cancels has a better reason to tell than that this failed too.
      this.#chunks.cancel(reason).catch(() => {});
    }
  }
}

function streamed(stream: ReadableStream<Uint8Array>): ChunkReader {
  if (stream.locked) {
    throw used();
  }
  const reader = stream.getReader();
  return { next: () => reader.read(), cancel: (reason) => reader.cancel(reason) };
}

function iterated(iterable: AsyncIterable<Uint8Array>): ChunkReader {
  const iterator = iterable[Symbol.asyncIterator]();
  return { next: () => iterator.next(), cancel: async () => iterator.return?.() };
}

async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw unreadable("reading the export failed", cause);
  }
}

function unreadable(message: string, cause?: unknown): CountersignError {
  const hint = "the file may have changed or moved, or the connection was lost: try again";
  return new CountersignError("source.unreadable", message, { hint, cause });
}

function used(): CountersignError {
  return new CountersignError("source.invalid", "the stream was read already, or someone else is reading it", {
    hint: "give each call of verify a stream of its own",
  });
}

// By what they can do, since a source can come from another realm: a frame, a test's sandbox, a polyfill.

function isBlob(source: object): source is Blob {
  return "size" in source && "slice" in source && "arrayBuffer" in source;
}

function isResponse(source: object): source is Response {
  return "ok" in source && "headers" in source && "body" in source;
}

function isStream(source: object): source is ReadableStream<Uint8Array> {
  return "getReader" in source;
}

function isIterable(source: object): source is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in source;
}
