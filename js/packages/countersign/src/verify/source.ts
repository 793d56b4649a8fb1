/** Sources of exports, read in chunks of limited size. */

import { CountersignError } from "../error.js";

/** A source of an export, which may be compressed with gzip or zstd. */
export type Source = Blob | Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array;

/** A source that is being read. */
export interface Reading {
  /** Total number of bytes, if known. */
  readonly total: number | undefined;
  /** Returns everything read so far, if the opener keeps it. Verified events then include their position in it. */
  readonly kept?: () => Blob;
  /**
   * Returns the next bytes: as many as fit into the buffer, or all that are left; undefined at the end. They are in
   * this buffer, or in one that its memory was moved to.
   */
  next(buffer: ArrayBuffer): Promise<Uint8Array | undefined>;
  /** Stops reading. Has no effect at the end. */
  cancel(reason: unknown): void;
}

/** Starts reading a source, or continues with an already opened one. */
export function open(source: Source | Reading): Reading {
  if (ArrayBuffer.isView(source)) {
    return rechunked([source].values(), source.byteLength);
  }
  if (typeof source === "object" && source !== null) {
    if ("kept" in source) {
      return source;
    }
    if (isBlob(source)) {
      return withSize(readStream(source.stream(), source.size), source.size);
    }
    if (isResponse(source)) {
      refuseFailed(source);
      return source.body === null ? rechunked([].values(), 0) : readStream(source.body, lengthOf(source));
    }
    if ("getReader" in source) {
      return readStream(source);
    }
    if (isIterable(source)) {
      return rechunked(source[Symbol.asyncIterator]());
    }
  }
  throw new CountersignError("source.invalid", "the value is not a source of an export", {
    hint: "pass a Blob or File, a Response, a ReadableStream, an async iterable of Uint8Array, or a Uint8Array",
  });
}

/** Returns the stream, or that of a response with this content type. */
export function readableBody(source: Response | ReadableStream<Uint8Array>, type: string): ReadableStream<Uint8Array> {
  if (Object(source) !== source || !("getReader" in source || isResponse(source))) {
    throw new CountersignError("source.invalid", "the source must be a Response or a ReadableStream", {
      hint: "pass the result of fetch: await fetch(url)",
    });
  }
  if (isResponse(source)) {
    refuseFailed(source);
    const found = source.headers.get("content-type") ?? "no content type";
    if (source.body === null || found.split(";")[0]?.trim().toLowerCase() !== type) {
      throw new CountersignError("source.invalid", `the server sent ${found}, not ${type}`, {
        hint: "check the URL and whether it requires authentication",
      });
    }
    return source.body;
  }
  if (source.locked) {
    throw used();
  }
  return source;
}

function refuseFailed(response: Response): void {
  if (!response.ok) {
    throw new CountersignError("source.invalid", `the server returned HTTP status ${response.status}`, {
      hint: "check the URL and whether it requires authentication; an export needs status 200",
    });
  }
  if (response.bodyUsed) {
    throw used();
  }
}

/** Returns the length of a body: its length on the wire, unless it is encoded. */
export function lengthOf({ headers }: Response): number | undefined {
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** A source of chunks of any size. */
interface Chunks {
  next(): unknown;
  return?(): unknown;
}

/**
 * Reads chunks of any size into buffers. With `isLive`, it returns the chunks that have arrived, and only waits if
 * there are none.
 */
export function rechunked(chunks: Chunks, total?: number, isLive = false): Reading {
  let rest: Uint8Array = new Uint8Array();
  let isEnded = false;
  /** The pending read. */
  let pending: Promise<IteratorResult<unknown>> | undefined;
  return {
    total,
    async next(buffer) {
      const into = new Uint8Array(buffer);
      let filled = 0;
      let turned: Promise<undefined> | undefined;
      while (filled < into.length && !isEnded) {
        // Copied, because the chunk's buffer isn't ours to move, and may be reused for the next chunk.
        const part = rest.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
        if (rest.length === 0 && filled < into.length) {
          pending ??= readable(async () => chunks.next() as Promise<IteratorResult<unknown>>);
          // Lets chunks that have already arrived come first.
          turned ??= isLive && filled > 0 ? new Promise((resolve) => setTimeout(resolve)) : undefined;
          const read = await (turned === undefined ? pending : Promise.race([pending, turned]));
          if (read === undefined) {
            break;
          }
          pending = undefined;
          isEnded = read.done === true;
          rest = isEnded ? rest : bytesOf(read.value);
        }
      }
      return filled === 0 ? undefined : into.subarray(0, filled);
    },
    cancel: () => void quietly(() => chunks.return?.()),
  };
}

/** Reads a stream, directly into the given buffers if possible. */
function readStream(stream: ReadableStream<Uint8Array>, total?: number): Reading {
  if (stream.locked) {
    throw used();
  }
  const byob = byobReader(stream);
  const reader = byob ?? stream.getReader();
  const next =
    byob === undefined
      ? rechunked({ next: () => (reader as ReadableStreamDefaultReader).read() }).next
      : (buffer: ArrayBuffer) => fill(byob, buffer);
  return { total, next, cancel: (reason) => void quietly(() => reader.cancel(reason)) };
}

/** Makes reading fail at the end unless exactly `size` bytes were read. */
function withSize(reading: Reading, size: number): Reading {
  let bytes = 0;
  const next = async (buffer: ArrayBuffer) => {
    const chunk = await reading.next(buffer);
    bytes += chunk?.length ?? 0;
    if (chunk === undefined && bytes !== size) {
      throw unreadable("the file changed while it was read");
    }
    return chunk;
  };
  return { ...reading, next };
}

/** Ends reading and ignores errors; the caller has a more important one. */
async function quietly(end: () => unknown): Promise<void> {
  try {
    await end();
  } catch {
    // Reading has ended anyway.
  }
}

/** Returns a reader that fills given buffers; undefined if the stream has none. */
function byobReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

async function fill(reader: ReadableStreamBYOBReader, buffer: ArrayBuffer): Promise<Uint8Array | undefined> {
  let into = new Uint8Array(buffer);
  let length = 0;
  while (length < into.length) {
    const { done, value } = await readable(() => reader.read(into.subarray(length)));
    if (value === undefined) {
      return undefined;
    }
    length += value.length;
    into = new Uint8Array(value.buffer);
    if (done) {
      break;
    }
  }
  return length === 0 ? undefined : into.subarray(0, length);
}

/** Returns the bytes of a chunk. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (!ArrayBuffer.isView(chunk)) {
    throw new CountersignError("source.invalid", "the source returned something other than a Uint8Array", {
      hint: "read the export as bytes, not as text",
    });
  }
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** Reads, converting errors to errors of the source. */
export async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw cause instanceof CountersignError ? cause : unreadable("reading the export failed", cause);
  }
}

function unreadable(message: string, cause?: unknown): CountersignError {
  const hint = "try again; the file may have changed or moved, or the connection was lost";
  return new CountersignError("source.unreadable", message, { hint, cause });
}

function used(): CountersignError {
  return new CountersignError("source.invalid", "the stream was already read or is locked", {
    hint: "pass a new stream to each call of verify",
  });
}

// Duck typing, because a source can come from another realm: a frame, a test sandbox, or a polyfill.

function isBlob(source: object): source is Blob {
  return "size" in source && "slice" in source && "arrayBuffer" in source;
}

function isResponse(source: object): source is Response {
  return "ok" in source && "headers" in source && "body" in source;
}

function isIterable(source: object): source is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in source;
}
