/** Answers of the log's WebAssembly as responses. */

import { current } from "./instance.js";
import type { Answer } from "./wasm/log.js";

/**
 * The answer to a request that the log could not look at, as it answers itself while its store fails. `cors` has the
 * origins of pages that may read it, with blanks between them, or `*`.
 */
export function unavailable(request: Request, cors: string): Response {
  const error = { code: "server.unavailable", message: "the log cannot do this now", hint: "send it again later" };
  return refusal(error, 503, { ...readableBy(request, cors), "retry-after": "1" });
}

/** The answer to a client for whom too many refusals wait already, with the seconds after which to come again. */
export function busy(request: Request, cors: string, after: number): Response {
  const error = {
    code: "server.busy",
    message: "too much of what this address submitted was refused",
    hint: "send what the log takes, later",
  };
  return refusal(error, 429, { ...readableBy(request, cors), "retry-after": `${after}` });
}

/** The answer to a request that is for no log. */
export function notFound(request: Request, cors: string): Response {
  const error = { code: "request.not_found", message: "there is no log at this address" };
  return refusal(error, 404, readableBy(request, cors));
}

const refusal = (error: object, status: number, headers: Record<string, string>): Response =>
  Response.json({ error }, { status, headers: { ...headers, "cache-control": "no-store" } });

/** The headers that let a page read an answer, as the log server sends them (crates/log/src/api/cors.rs). */
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

/** A request as it comes to a Worker. */
type ClientRequest = Request & { cf?: { clientAcceptEncoding?: string } };

/** Whether who asks takes gzip. */
export function takesGzip(request: ClientRequest): boolean {
  // The runtime says in every request from outside that it takes gzip, and what the client says is in `cf`. A request of
  // another Worker has its headers alone.
  const said = request.cf === undefined ? request.headers.get("accept-encoding") : request.cf.clientAcceptEncoding;
  const weights = new Map<string, number>();
  for (const choice of (said ?? "").toLowerCase().split(",")) {
    const [coding = "", weight] = choice.split(/;\s*q=/);
    weights.set(coding.trim(), weight === undefined ? 1 : Number(weight));
  }
  return (weights.get("gzip") ?? weights.get("*") ?? 0) > 0;
}

/** Status and headers of an answer. */
function head(answer: Answer): { status: number; headers: Headers } {
  const headers = new Headers();
  const said = answer.headers;
  for (let place = 0; place < said.length; place += 2) {
    headers.append(said[place] ?? "", said[place + 1] ?? "");
  }
  return { status: answer.status, headers };
}

/** An answer that is whole. */
export function whole(answer: Answer, request: Request): Response {
  const init = head(answer);
  const body = answer.body();
  answer.free();
  init.headers.set("content-length", `${body.length}`);
  return new Response(request.method === "HEAD" ? null : new Uint8Array(body), init);
}

/** What gives an answer's pieces, or nothing at its end, and hears when no more are asked for. */
export interface Making {
  next(): Promise<Uint8Array | undefined>;
  ended?(): void;
}

/** An export, made only as fast as it is taken. */
export function pieces(answer: Answer, request: Request, making: Making): Response {
  const init = head(answer);
  init.headers.append("vary", "accept-encoding");
  // The runtime compresses what says that it is.
  if (takesGzip(request)) {
    init.headers.set("content-encoding", "gzip");
  }
  return streamed(answer, init, request, making);
}

/** A live view. */
export function live(answer: Answer, request: Request, making: Making): Response {
  return streamed(answer, head(answer), request, making);
}

function streamed(answer: Answer, init: ResponseInit, request: Request, making: Making): Response {
  if (request.method === "HEAD") {
    making.ended?.();
    answer.free();
    return new Response(null, init);
  }
  const made = piecesOf(answer, making);
  // It begins now: what has not begun is not seen to when the client goes.
  void made.next();
  // A piece is made when the one before was taken: a slow client makes no memory grow.
  return new Response(ReadableStream.from(made), init);
}

/** Of the runtime's own, which the DOM's types lack. */
declare const ReadableStream: {
  from(pieces: AsyncIterable<Uint8Array>): globalThis.ReadableStream<Uint8Array<ArrayBuffer>>;
};

/** First nothing, and then the pieces. Where they are cut, what is being made still needs the answer. */
async function* piecesOf(answer: Answer, making: Making): AsyncGenerator<Uint8Array> {
  const instance = current();
  try {
    yield new Uint8Array();
    for (let piece = await making.next(); piece !== undefined; piece = await making.next()) {
      yield piece;
    }
  } finally {
    making.ended?.();
    if (instance === current()) {
      answer.free();
    }
  }
}
