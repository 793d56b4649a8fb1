/** Answers of the log's WebAssembly as responses. */

import type { Answer } from "../wasm/log.js";
import { current } from "./instance.js";

/** The answer to a request that the log could not look at, as it answers itself while its store fails. */
export function unavailable(): Response {
  const error = { code: "server.unavailable", message: "the log cannot do this now", hint: "send it again later" };
  return Response.json({ error }, { status: 503, headers: { "cache-control": "no-store", "retry-after": "1" } });
}

/** A request as it comes to a Worker. */
type ClientRequest = Request & { cf?: { clientAcceptEncoding?: string } };

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

/** An export, made only as fast as it is taken: `next` gives its pieces. */
export function pieces(answer: Answer, request: Request, next: () => Promise<Uint8Array | undefined>): Response {
  const init = head(answer);
  init.headers.append("vary", "accept-encoding");
  // The runtime says in every request that it takes gzip; the client is asked here. What says so it then compresses.
  if (/\bgzip\b/i.test((request as ClientRequest).cf?.clientAcceptEncoding ?? "")) {
    init.headers.set("content-encoding", "gzip");
  }
  return streamed(answer, init, request, next);
}

/** A live view: `next` gives what it goes on with, or nothing at its end. */
export function live(answer: Answer, request: Request, next: () => Promise<Uint8Array | undefined>): Response {
  return streamed(answer, head(answer), request, next);
}

function streamed(
  answer: Answer,
  init: ResponseInit,
  request: Request,
  next: () => Promise<Uint8Array | undefined>,
): Response {
  if (request.method === "HEAD") {
    answer.free();
    return new Response(null, init);
  }
  let taken = true;
  const made = current();
  const end = () => {
    if (taken) {
      taken = false;
      if (made === current()) {
        answer.free();
      }
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = await next();
          if (!taken) {
            return;
          }
          if (piece === undefined) {
            controller.close();
            end();
          } else {
            controller.enqueue(piece);
          }
        } catch (error) {
          if (!taken) {
            return;
          }
          // The client sees that the answer was cut.
          controller.error(error);
          end();
        }
      },
      cancel: end,
    },
    // A piece is made when the one before was taken: a slow client makes no memory grow.
    { highWaterMark: 0 },
  );
  return new Response(body, init);
}
