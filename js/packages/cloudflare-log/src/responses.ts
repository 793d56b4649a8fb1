/** Converts answers of the log's WebAssembly to responses. */

import { current } from "./instance.js";
import type { Answer } from "./wasm/log.js";

/**
 * Returns the response to a request that could not reach the log, the same as the log's own while its storage fails.
 * `cors` lists the origins of pages that may read it, separated by spaces, or `*`.
 */
export function unavailable(request: Request, cors: string): Response {
  const error = {
    code: "server.unavailable",
    message: "the log cannot process this request right now",
    hint: "send it again later",
  };
  return refusal(error, 503, { ...readableBy(request, cors), "retry-after": "1" });
}

/** Returns the response to a client with too many waiting rejections, which may retry after this many seconds. */
export function busy(request: Request, cors: string, after: number): Response {
  const error = {
    code: "server.busy",
    message: "too many requests from this address were rejected",
    hint: "fix the requests, and send them again later",
  };
  return refusal(error, 429, { ...readableBy(request, cors), "retry-after": `${after}` });
}

/** Returns the response to a request for an unknown log. */
export function notFound(request: Request, cors: string): Response {
  const error = {
    code: "request.not_found",
    message: "there is no log at this address",
    hint: "check the host and the path of the URL",
  };
  return refusal(error, 404, readableBy(request, cors));
}

const refusal = (error: object, status: number, headers: Record<string, string>): Response =>
  Response.json({ error }, { status, headers: { ...headers, "cache-control": "no-store" } });

/** Returns the headers that let a page read a response, the same as in the log server (crates/log/src/api/cors.rs). */
function readableBy(request: Request, cors: string): Record<string, string> {
  const allowed = cors.split(/\s+/);
  const origin = request.headers.get("origin") ?? "";
  const headers = { "access-control-expose-headers": "retry-after,content-disposition,countersign-matched" };
  if (allowed.includes("*")) {
    return { ...headers, "access-control-allow-origin": "*" };
  }
  const named = origin !== "" && allowed.includes(origin);
  return { ...headers, vary: "origin", ...(named && { "access-control-allow-origin": origin }) };
}

/** A request as received by a Worker. */
type ClientRequest = Request & { cf?: { clientAcceptEncoding?: string } };

/** True if the client accepts gzip. */
export function takesGzip(request: ClientRequest): boolean {
  // The runtime sets `accept-encoding: gzip` on each external request; the client's own header is in `cf`. Requests of
  // other Workers only have headers.
  const accepted = request.cf === undefined ? request.headers.get("accept-encoding") : request.cf.clientAcceptEncoding;
  const weights = new Map<string, number>();
  for (const choice of (accepted ?? "").toLowerCase().split(",")) {
    const [coding = "", weight] = choice.split(/;\s*q=/);
    weights.set(coding.trim(), weight === undefined ? 1 : Number(weight));
  }
  return (weights.get("gzip") ?? weights.get("*") ?? 0) > 0;
}

/** Returns the status and headers of an answer. */
function head(answer: Answer): { status: number; headers: Headers } {
  const headers = new Headers();
  const pairs = answer.headers;
  for (let at = 0; at < pairs.length; at += 2) {
    headers.append(pairs[at] ?? "", pairs[at + 1] ?? "");
  }
  return { status: answer.status, headers };
}

/** Converts a complete answer. */
export function whole(answer: Answer, request: Request): Response {
  const init = head(answer);
  const body = answer.body();
  answer.free();
  init.headers.set("content-length", `${body.length}`);
  return new Response(request.method === "HEAD" ? null : new Uint8Array(body), init);
}

/** Generates the chunks of an answer, with undefined at the end. `ended` is called when no more are needed. */
export interface ChunkSource {
  next(): Promise<Uint8Array | undefined>;
  ended?(): void;
}

/** Streams an export, generated only as fast as it is read. */
export function pieces(answer: Answer, request: Request, source: ChunkSource): Response {
  const init = head(answer);
  init.headers.append("vary", "accept-encoding");
  // The runtime compresses bodies with this header.
  if (takesGzip(request)) {
    init.headers.set("content-encoding", "gzip");
  }
  return streamed(answer, init, request, source);
}

/** Streams a live view. */
export function live(answer: Answer, request: Request, source: ChunkSource): Response {
  return streamed(answer, head(answer), request, source);
}

function streamed(answer: Answer, init: ResponseInit, request: Request, source: ChunkSource): Response {
  if (request.method === "HEAD") {
    source.ended?.();
    answer.free();
    return new Response(null, init);
  }
  const pieces = piecesOf(answer, source);
  // Started now, because a generator that has not started isn't cleaned up when the client disconnects.
  void pieces.next();
  // Chunks are generated on demand, so slow clients use no extra memory.
  return new Response(ReadableStream.from(pieces), init);
}

/** A method of the runtime that the DOM types lack. */
declare const ReadableStream: {
  from(pieces: AsyncIterable<Uint8Array>): globalThis.ReadableStream<Uint8Array<ArrayBuffer>>;
};

/** Yields an empty chunk, and then the answer's chunks. The answer is freed only after a pending chunk is done. */
async function* piecesOf(answer: Answer, source: ChunkSource): AsyncGenerator<Uint8Array> {
  const instance = current();
  try {
    yield new Uint8Array();
    for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
      yield piece;
    }
  } finally {
    source.ended?.();
    if (instance === current()) {
      answer.free();
    }
  }
}
