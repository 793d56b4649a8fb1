/** Whatever answers a `Request` with a `Response`: Deno.serve, Bun.serve, and the routers that are made for them. */

import type { Audit } from "./audit.js";
import { type HttpOptions, HttpRecording, type Seen } from "./http-request.js";

/** What answers requests; with nothing, where the runtime has it so, as Bun has for a request that became a WebSocket. */
export type FetchHandler<Rest extends readonly unknown[], Answer extends Response | undefined = Response> = (
  request: Request,
  ...rest: Rest
) => Answer | Promise<Answer>;

/**
 * Records each request that a handler answers. It is recorded when there is an answer, which is given on as it is: a
 * body that is streamed, or cut off, after that does not show.
 *
 *     Deno.serve(auditFetch(audit, (request) => new Response("ok"), { path: "actual" }));
 */
export function auditFetch<Rest extends readonly unknown[], Answer extends Response | undefined>(
  audit: Audit,
  handler: FetchHandler<Rest, Answer>,
  options: HttpOptions<Request> = {},
): (request: Request, ...rest: Rest) => Promise<Answer> {
  const recording = new HttpRecording(options);
  return (request, ...rest) => recorded(recording, audit, request, () => handler(request, ...rest));
}

const SWITCHED = 101;

/** Records a request when its answer is there. */
export async function recorded<Answer extends Response | undefined>(
  recording: HttpRecording<Request>,
  audit: Audit,
  request: Request,
  answer: () => Answer | Promise<Answer>,
): Promise<Answer> {
  const done = recording.begin();
  let response: Answer;
  try {
    response = await answer();
  } catch (error) {
    done(audit, request, { ...seen(request), status: 500, reason: "the handler threw" });
    throw error;
  }
  done(audit, request, { ...seen(request), status: response?.status ?? SWITCHED });
  return response;
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
