/** Where an export comes from, read in pieces of bounded size. */

import { CountersignError } from "../error.js";

/** What an export can be read from, compressed with gzip or zstd or not. */
export type Source = Blob | Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array;

/** A source that is being read. */
export interface Reading {
  /** How many bytes there are, where that is known. */
  readonly total: number | undefined;
  /** All that was read, once it was, where that is kept by whoever opened it: verified events then say where in it they stand. */
  readonly kept?: () => Blob;
  /**
   * The next bytes: as many as fit into the buffer, or all that are left; undefined at the end. They are in this
   * buffer, or in one that its memory was moved to.
   */
  next(buffer: ArrayBuffer): Promise<Uint8Array | undefined>;
  /** Nothing more is wanted. Does nothing at the end. */
  cancel(reason: unknown): void;
}

/** Begins to read, or goes on with what somebody else opened. */
export function open(source: Source | Reading): Reading {
  if (ArrayBuffer.isView(source)) {
    return inPieces([source].values(), source.byteLength);
  }
  if (typeof source === "object" && source !== null) {
    if ("kept" in source) {
      return source;
    }
    if (isBlob(source)) {
      return ofSize(streamed(source.stream(), source.size), source.size);
    }
    if (isResponse(source)) {
      refuseFailed(source);
      return source.body === null ? inPieces([].values(), 0) : streamed(source.body, lengthOf(source));
    }
    if ("getReader" in source) {
      return streamed(source);
    }
    if (isIterable(source)) {
      return inPieces(source[Symbol.asyncIterator]());
    }
  }
  throw new CountersignError("source.invalid", "this is not a source that an export could be read from", {
    hint: "give a Blob or File, a Response, a ReadableStream, an async iterable of Uint8Array, or a Uint8Array",
  });
}

/** A stream, or that of a response, which must have this type. */
export function readableBody(source: Response | ReadableStream<Uint8Array>, type: string): ReadableStream<Uint8Array> {
  if (Object(source) !== source || !("getReader" in source || isResponse(source))) {
    throw new CountersignError("source.invalid", "neither an answer nor a stream of bytes", {
      hint: "give what fetch resolves with: await fetch(address)",
    });
  }
  if (isResponse(source)) {
    refuseFailed(source);
    const found = source.headers.get("content-type") ?? "nothing";
    if (source.body === null || found.split(";")[0]?.trim().toLowerCase() !== type) {
      throw new CountersignError("source.invalid", `the server sent ${found}, not ${type}`, {
        hint: "check the address, and whether it needs a login",
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
    throw new CountersignError("source.invalid", `the server answered with status ${response.status}`, {
      hint: "an export is expected with status 200: check the address, and whether it needs a login",
    });
  }
  if (response.bodyUsed) {
    throw used();
  }
}

/** How long a body is: its length on the wire, where fetch does not decode it. */
export function lengthOf({ headers }: Response): number | undefined {
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** What chunks of any size come from. */
interface Chunks {
  next(): unknown;
  return?(): unknown;
}

/** Reads chunks of any size in pieces. Of those that come one by one it gives what came until now, and waits only where nothing did. */
export function inPieces(chunks: Chunks, total?: number, comeSlowly = false): Reading {
  let rest: Uint8Array = new Uint8Array();
  let isEnded = false;
  /** The chunk that was asked for. */
  let asked: Promise<IteratorResult<unknown>> | undefined;
  return {
    total,
    async next(buffer) {
      const into = new Uint8Array(buffer);
      let filled = 0;
      let turned: Promise<undefined> | undefined;
      while (filled < into.length && !isEnded) {
        // A copy: the chunk's buffer is not ours to move, and may be used again for the next chunk.
        const part = rest.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
        if (rest.length === 0 && filled < into.length) {
          asked ??= readable(async () => chunks.next() as Promise<IteratorResult<unknown>>);
          // What was due already happens first.
          turned ??= comeSlowly && filled > 0 ? new Promise((resolve) => setTimeout(resolve)) : undefined;
          const read = await (turned === undefined ? asked : Promise.race([asked, turned]));
          if (read === undefined) {
            break;
          }
          asked = undefined;
          isEnded = read.done === true;
          rest = isEnded ? rest : bytesOf(read.value);
        }
      }
      return filled === 0 ? undefined : into.subarray(0, filled);
    },
    cancel: () => void quietly(() => chunks.return?.()),
  };
}

/** Reads a stream, into the buffers that are given where it can. */
function streamed(stream: ReadableStream<Uint8Array>, total?: number): Reading {
  if (stream.locked) {
    throw used();
  }
  const byob = byobReader(stream);
  const reader = byob ?? stream.getReader();
  const next =
    byob === undefined
      ? inPieces({ next: () => (reader as ReadableStreamDefaultReader).read() }).next
      : (buffer: ArrayBuffer) => filled(byob, buffer);
  return { total, next, cancel: (reason) => void quietly(() => reader.cancel(reason)) };
}

/** Fails at the end where fewer or more bytes came than there must be. */
function ofSize(reading: Reading, size: number): Reading {
  let bytes = 0;
  const next = async (buffer: ArrayBuffer) => {
    const piece = await reading.next(buffer);
    bytes += piece?.length ?? 0;
    if (piece === undefined && bytes !== size) {
      throw unreadable("the file changed while it was read");
    }
    return piece;
  };
  return { ...reading, next };
}

/** Ends reading. Who does that has a better reason to tell than that this failed too. */
async function quietly(end: () => unknown): Promise<void> {
  try {
    await end();
  } catch {
    // It is over all the same.
  }
}

/** A reader that fills the buffer that it is given; undefined where the stream has none. */
function byobReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

async function filled(reader: ReadableStreamBYOBReader, buffer: ArrayBuffer): Promise<Uint8Array | undefined> {
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

/** The bytes of what is said to be a view of some. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (!ArrayBuffer.isView(chunk)) {
    throw new CountersignError("source.invalid", "the source gave something else than a Uint8Array", {
      hint: "read the export as bytes: without an encoding, and not as text",
    });
  }
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** Reads; what goes wrong there is an error of the source. */
export async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw cause instanceof CountersignError ? cause : unreadable("reading the export failed", cause);
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

function isIterable(source: object): source is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in source;
}
