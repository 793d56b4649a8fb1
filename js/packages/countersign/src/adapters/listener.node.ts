/** Adapts a `Request` handler to a listener of `node:http`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { must } from "../error.js";

/**
 * Returns a `node:http` listener, also usable as an Express handler, that calls a handler of `Request` and `Response`.
 * A body already parsed as JSON by a middleware is serialized again.
 *
 * @example
 * ```ts
 * app.post("/audit/grant", nodeListener(issuer.handler({ authorize })));
 * ```
 */
export function nodeListener(
  handler: (request: Request) => Promise<Response>,
): (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void {
  must(
    typeof handler === "function",
    "handler",
    "`handler` must be a function",
    "call nodeListener(issuer.handler({ … }))",
  );
  return (request, response, next) => {
    answer(handler, request, response).catch((error) => {
      if (next !== undefined) {
        next(error);
        return;
      }
      console.error("countersign: a request handler failed:", error);
      if (!response.headersSent) {
        response.writeHead(500);
      }
      response.end();
    });
  };
}

async function answer(
  handler: (request: Request) => Promise<Response>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const result = await handler(requestOf(request));
  // Each cookie needs its own header line.
  const cookies = result.headers.getSetCookie();
  response.writeHead(result.status, {
    ...Object.fromEntries(result.headers),
    ...(cookies.length > 0 ? { "set-cookie": cookies } : {}),
  });
  response.end(new Uint8Array(await result.arrayBuffer()));
}

function requestOf(request: IncomingMessage & { readonly originalUrl?: unknown; readonly body?: unknown }): Request {
  const { method = "GET", headers, url = "/", originalUrl = url } = request;
  const host = headers.host ?? "localhost";
  // The target may be an absolute URL; the header also has the host then.
  const path = `${originalUrl}`.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const copied = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value].flat()) {
      copied.append(name, one ?? "");
    }
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(new URL(`http://${host}${path.startsWith("/") ? path : `/${path}`}`), {
    method,
    headers: copied,
    ...(hasBody ? bodyOf(request) : {}),
  });
}

function bodyOf(request: IncomingMessage & { readonly body?: unknown }): RequestInit {
  const { body } = request;
  if (body !== undefined && request.readableEnded) {
    const isText = typeof body === "string" || body instanceof Uint8Array;
    return { body: isText ? (body as string) : JSON.stringify(body) };
  }
  return { body: Readable.toWeb(request) as ReadableStream, duplex: "half" } as RequestInit;
}
