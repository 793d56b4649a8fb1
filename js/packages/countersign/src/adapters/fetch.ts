/**
 * The adapter for handlers that take a `Request` and return a `Response`: Deno.serve, Bun.serve, and routers for them.
 */

import { type CountersignError, must, refused } from "../error.js";
import type { DecisionContext } from "../gate/gate.js";
import { ownOptions } from "../known.js";
import { type Audit, mustRecord } from "../record/audit.js";
import {
  HTTP_OPTIONS,
  type HttpOptions,
  HttpRecording,
  type RefusedResponse,
  type RequestView,
} from "./http-request.js";
import { isWorker } from "./invocation.js";
import { splitTarget } from "./request-path.js";

/**
 * A request handler. It may return undefined where the runtime allows it, as Bun does for a request upgraded to a
 * WebSocket.
 */
export type FetchHandler<Rest extends readonly unknown[], Answer extends Response | undefined = Response> = (
  request: Request,
  ...rest: Rest
) => Answer | Promise<Answer>;

/** Options of `auditFetch`. */
export interface FetchOptions<Rest extends readonly unknown[]> extends Omit<HttpOptions<Request>, "ip"> {
  /**
   * Returns the client's address, which a `Request` does not contain: use the runtime's additional arguments,
   * `info.remoteAddr` in Deno or `server.requestIP(request)` in Bun. Use a header only behind a proxy that sets it.
   *
   * @default false: no address is recorded
   * @example
   * ```ts
   * ip: (_request, info) => info.remoteAddr.hostname // Deno
   * ```
   */
  ip?: false | ((request: Request, ...rest: Rest) => string | undefined) | undefined;
}

/**
 * Records each request that a handler answers, as soon as there is a response. The response is passed on unchanged;
 * what happens to a streamed body afterwards is not recorded.
 *
 * @example
 * ```ts
 * Deno.serve(auditFetch(audit, (request) => new Response("ok"), { path: "actual" }));
 * ```
 */
export function auditFetch<Rest extends readonly unknown[], Answer extends Response | undefined>(
  audit: Audit,
  handler: FetchHandler<Rest, Answer>,
  given: FetchOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Answer> {
  mustRecord(audit);
  must(
    typeof handler === "function",
    "handler",
    "`handler` must be a function",
    "call auditFetch(audit, (request) => new Response())",
  );
  const { ip, ...options } = ownOptions(given, HTTP_OPTIONS);
  const address = ip === false ? undefined : ip;
  if (address !== undefined && typeof address !== "function") {
    throw noAddress(
      "use ip: (request, info) => info.remoteAddr.hostname in Deno, (request) => server.requestIP(request)?.address in Bun",
    );
  }
  const recording = new HttpRecording<Request>({ ...options, ip: address !== undefined });
  return (request, ...rest) => {
    const ip = () => address?.(request, ...rest);
    return recorded(recording, audit, request, ip, () => handler(request, ...rest));
  };
}

/** Returns the error for `ip: true` in runtimes whose requests don't contain a trustworthy client address. */
export function noAddress(hint: string): CountersignError {
  const message = "`ip: true` is not available here, because requests don't contain the client's address";
  return refused("ip", message, `pass a function: ${hint}`);
}

/**
 * Returns the status of a response. A missing response means a WebSocket upgrade (101) or no content (204), and a
 * missing status means 200, which Azure's handlers may omit.
 */
function statusOf(request: Request, answer: Partial<Response> | undefined): number {
  return answer?.status ?? (answer ? 200 : request.headers.has("upgrade") ? 101 : 204);
}

/** Handles a request and records it when there is a response. */
export function recorded<Answer extends Response | undefined>(
  recording: HttpRecording<Request>,
  audit: Audit,
  request: Request,
  ip: () => string | undefined,
  answer: (audit: Audit) => Answer | Promise<Answer>,
  decisionContext?: DecisionContext,
): Promise<Answer> {
  const view = { ...requestView(request), ip };
  return recording.handle<Answer>(audit, request, view, {
    answer,
    statusOf: (response) => statusOf(request, response),
    refusal: (refused) => responseOf(refused) as Answer,
    decisionContext,
  });
}

/** Returns the response to a refused request. */
export function responseOf({ status, headers, body }: RefusedResponse): Response {
  // A response without content, such as one with status 204, must have no body, not an empty one.
  return new Response(body || null, { status, headers });
}

/** Returns an adapter's view of a `Request`. */
export function requestView(request: Request): Omit<RequestView, "ip"> {
  const header = (name: string) => request.headers.get(name) ?? undefined;
  return {
    method: request.method,
    // Not parsed as a URL, because the handler may read the text.
    path: () => splitTarget(request.url).path,
    host: () => new URL(request.url).host,
    // Proxies and frameworks may put a host into the URL that isn't the header's, so both can be right.
    otherHost: () => header("host"),
    header,
  };
}

/** Returns the client's address in a Worker. Elsewhere, there is none, because clients can set this header. */
export function addressInWorker(request: Request): string | undefined {
  return (isWorker() && request.headers.get("cf-connecting-ip")) || undefined;
}
