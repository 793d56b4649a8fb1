/** What answers a `Request`, as a listener of `node:http`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { must } from "../error.js";

/**
 * Makes a listener for a server of `node:http`, and a handler for Express and the like, of what answers a `Request` with
 * a `Response`. A body that a middleware parsed as JSON before is passed on as JSON.
 *
 *     app.post("/audit/grant", nodeListener(issuer.handler({ authorize })));
 */
export function nodeListener(
  handler: (request: Request) => Promise<Response>,
): (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void {
  must(typeof handler === "function", "handler", "handler must be a function", "nodeListener(issuer.handler({ … }))");
  return (request, response, next) => {
    answer(handler, request, response).catch((error) => {
      if (next !== undefined) {
        next(error);
        return;
      }
      console.error("countersign: a request could not be answered:", error);
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
  const given = await handler(requestOf(request));
  // A cookie each has a line of its own.
  const cookies = given.headers.getSetCookie();
  response.writeHead(given.status, {
    ...Object.fromEntries(given.headers),
    ...(cookies.length > 0 ? { "set-cookie": cookies } : {}),
  });
  response.end(new Uint8Array(await given.arrayBuffer()));
}

function requestOf(request: IncomingMessage & { readonly originalUrl?: unknown; readonly body?: unknown }): Request {
  const { method = "GET", headers, url = "/", originalUrl = url } = request;
  const host = headers.host ?? "localhost";
  // A target may be a whole URL; the host that was asked is in the header then, too.
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
