/** Serves a log over HTTP to programs on this machine. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { deferred } from "@countersign/shared/promises.js";

/** Handles a request. */
export type Handler = (request: Request) => Promise<Response>;

/** A server that listens. */
export interface RunningServer {
  /** Its host and port. */
  readonly address: string;
  /** Ends requests in progress, and runs work before the next one. */
  between(work: () => Promise<void>): Promise<void>;
  /** Ends requests in progress, and the server. */
  close(): Promise<void>;
}

/** Milliseconds until requests in progress are aborted. Live views never end on their own. */
const END_TIMEOUT_MS = 1_000;

/** Methods whose requests have no body. */
const BODILESS = new Set(["GET", "HEAD"]);

/** Listens at a host and port. Port 0 picks a free one. */
export async function listen(address: string, handler: Handler): Promise<RunningServer> {
  const at = new URL(`http://${address}`);
  const host = at.hostname.replace(/^\[(.*)\]$/, "$1");
  const running = new Set<Promise<void>>();
  let pause: Promise<void> | undefined;
  const server = createServer(async (incoming, outgoing) => {
    await pause;
    const response = respond(handler, incoming, outgoing)
      .catch(() => void outgoing.destroy())
      .finally(() => running.delete(response));
    running.add(response);
  });
  server.listen({ host, port: Number(at.port || 80) });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: `${at.hostname}:${port}`,
    async between(work) {
      const { promise, resolve } = deferred();
      pause = promise;
      try {
        await withDeadline(server, Promise.all(running));
        await work();
      } finally {
        pause = undefined;
        resolve();
      }
    },
    async close() {
      const end = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await withDeadline(server, end);
    },
  };
}

/** Waits until requests have ended, and aborts those that take too long. */
async function withDeadline(server: Server, end: Promise<unknown>): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), END_TIMEOUT_MS);
  await end;
  clearTimeout(timer);
}

async function respond(handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const over = new AbortController();
  outgoing.once("close", () => over.abort());
  const response = isForThisMachine(incoming) ? await handler(requestOf(incoming, over.signal)) : otherHost();
  outgoing.writeHead(response.status, [...response.headers].flat());
  if (response.body === null) {
    outgoing.end();
    return;
  }
  // A live view's client waits for the headers.
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(response.body as never), outgoing, { signal: over.signal });
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  }
  // Nothing is compressed on the way within a machine.
  headers.delete("accept-encoding");
  const { method = "GET" } = incoming;
  const body = BODILESS.has(method) ? null : (Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>);
  const url = new URL(`http://localhost${incoming.url?.startsWith("/") ? incoming.url : "/"}`);
  return new Request(url, { method, headers, signal, body, duplex: "half" } as RequestInit);
}

/**
 * True if the request names this machine. Any website can point its own name at it (DNS rebinding), and could then read
 * the log.
 */
export function isForThisMachine({ headers, url = "" }: Pick<IncomingMessage, "headers" | "url">): boolean {
  const host = /^(?:\[([^\]]+)\]|([^:@/]+))(?::\d*)?$/.exec(headers.host ?? "");
  const name = (host?.[1] ?? host?.[2] ?? "").toLowerCase().replace(/\.$/, "");
  const isLoopback = isIP(name) === 4 ? name.startsWith("127.") : name === "::1";
  return url.startsWith("/") && (isLoopback || name === "localhost" || name.endsWith(".localhost"));
}

function otherHost(): Response {
  const error = {
    code: "request.host",
    message: "the Host header doesn't name this log",
    hint: "use the address that `npx countersign dev` printed",
  };
  return Response.json({ error }, { status: 421, headers: { "cache-control": "no-store" } });
}
