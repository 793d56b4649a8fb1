/** Whatever answers a `Request` with a `Response`: Deno.serve, Bun.serve, and the routers that are made for them. */

import { type CountersignError, must, refused } from "../error.js";
import type { Asking } from "../gate/gate.js";
import { ownOptions } from "../known.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { type Asked, HTTP_OPTIONS, type HttpOptions, HttpRecording, type Refused } from "./http-request.js";

/** What answers requests; with nothing, where the runtime has it so, as Bun has for a request that became a WebSocket. */
export type FetchHandler<Rest extends readonly unknown[], Answer extends Response | undefined = Response> = (
  request: Request,
  ...rest: Rest
) => Answer | Promise<Answer>;

/** What to record of requests. */
export interface FetchOptions<Rest extends readonly unknown[]> extends Omit<HttpOptions<Request>, "ip"> {
  /**
   * The client's address, which a `Request` does not tell: it is in what the runtime gives beside it, `remoteAddr` in
   * Deno, `server.requestIP(request)` in Bun. A header tells it only behind a proxy that sets it. By default it is not
   * recorded.
   */
  ip?: false | ((request: Request, ...rest: Rest) => string | undefined) | undefined;
}

/**
 * Records each request that a handler answers. It is recorded when there is an answer, which is given on as it is: a
 * body that is streamed, or cut off, after that does not show.
 *
 *     Deno.serve(auditFetch(audit, (request) => new Response("ok"), { path: "actual" }));
 */
export function auditFetch<Rest extends readonly unknown[], Answer extends Response | undefined>(
  audit: Audit,
  handler: FetchHandler<Rest, Answer>,
  given: FetchOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Answer> {
  mustRecord(audit);
  must(typeof handler === "function", "handler", "no function", "auditFetch(audit, (request) => new Response())");
  const { ip, ...options } = ownOptions(given, HTTP_OPTIONS);
  const address = ip === false ? undefined : ip;
  if (address !== undefined && typeof address !== "function") {
    throw noAddress(
      "ip: (request, info) => info.remoteAddr.hostname in Deno, (request) => server.requestIP(request)?.address in Bun",
    );
  }
  const recording = new HttpRecording<Request>({ ...options, ip: address !== undefined });
  return (request, ...rest) => {
    const ip = () => address?.(request, ...rest);
    return recorded(recording, audit, request, ip, () => handler(request, ...rest));
  };
}

/** That an address is asked for where there is none but what a client could write itself. */
export function noAddress(hint: string): CountersignError {
  const message = "a request does not tell its client's address here";
  return refused("ip", message, `give a function: ${hint}`);
}

/** The status of an answer. With nothing a request became a WebSocket, or has no content; Azure's handlers may leave out 200. */
function statusOf(request: Request, answer: Partial<Response> | undefined): number {
  return answer?.status ?? (answer ? 200 : request.headers.has("upgrade") ? 101 : 204);
}

/** Records a request when its answer is there. */
export function recorded<Answer extends Response | undefined>(
  recording: HttpRecording<Request>,
  audit: Audit,
  request: Request,
  ip: () => string | undefined,
  answer: (audit: Audit) => Answer | Promise<Answer>,
  asking?: Asking,
): Promise<Answer> {
  const asked = { ...seen(request), ip };
  return recording.answered<Answer>(audit, request, asked, {
    answer,
    statusOf: (response) => statusOf(request, response),
    refusal: (refused) => responseOf(refused) as Answer,
    asking,
  });
}

/** What is answered to a request that was refused. */
export function responseOf({ status, headers, body }: Refused): Response {
  return new Response(body, { status, headers });
}

/** What a `Request` tells. */
export function seen(request: Request): Omit<Asked, "ip"> {
  const header = (name: string) => request.headers.get(name) ?? undefined;
  return {
    method: request.method,
    path: () => new URL(request.url).pathname,
    host: () => new URL(request.url).host,
    header,
  };
}

/** The client's address in a Worker, where no client can set this header. */
export function addressInWorker(request: Request): string | undefined {
  return request.headers.get("cf-connecting-ip") ?? undefined;
}
