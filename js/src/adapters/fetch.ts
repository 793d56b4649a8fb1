/** Whatever answers a `Request` with a `Response`: Deno.serve, Bun.serve, and the routers that are made for them. */

import type { Audit } from "./audit.js";
import { type HttpOptions, HttpRecording, type Seen } from "./http-request.js";

/** What answers requests. */
export type FetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>;

/**
 * Records each request that a handler answers. It is recorded when there is an answer, which is given on as it is: a
 * body that is streamed, or cut off, after that does not show.
 *
 *     Deno.serve(auditFetch(audit, (request) => new Response("ok"), { path: "actual" }));
 */
export function auditFetch<Rest extends readonly unknown[]>(
  audit: Audit,
  handler: FetchHandler<Rest>,
  options: HttpOptions<Request> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  const recording = new HttpRecording(options);
  return (request, ...rest) => recorded(recording, audit, request, () => handler(request, ...rest));
}

/** Records a request when its answer is there. */
export async function recorded(
  recording: HttpRecording<Request>,
  audit: Audit,
  request: Request,
  answer: () => Response | Promise<Response>,
): Promise<Response> {
  const done = recording.begin();
  try {
    const response = await answer();
    done(audit, request, { ...seen(request), status: response.status });
    return response;
  } catch (error) {
    done(audit, request, { ...seen(request), status: 500, reason: "the handler threw" });
    throw error;
  }
}

/** What a `Request` tells. */
export function seen(request: Request): Omit<Seen, "status"> {
  const header = (name: string) => request.headers.get(name) ?? undefined;
  return {
    method: request.method,
    path: () => new URL(request.url).pathname,
    host: () => new URL(request.url).host,
    ip: () => header("cf-connecting-ip"),
    header,
  };
}
