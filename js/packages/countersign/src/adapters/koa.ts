/** The adapter for Koa. */

import { bindEmitter } from "../context/request.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { type HttpOptions, HttpRecording, scopedTo } from "./http-request.js";
import { type EndingResponse, headersOf, onResponseEnd } from "./node-response.js";
import { mustHaveOneHost } from "./request-host.js";
import { parsePath, splitTarget } from "./request-path.js";

/** The parts of Koa's context that are used. */
export interface KoaContext {
  readonly method: string;
  readonly host: string;
  readonly req: {
    readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    readonly rawHeaders?: readonly string[];
    readonly socket: { readonly remoteAddress?: string | undefined };
  };
  readonly res: EndingResponse;
  url: string;
  readonly originalUrl?: string;
  state: object;
  status: number;
  body: unknown;
  set(headers: Record<string, string>): void;
}

/** The state that the middleware sets: `ctx.state.audit`. */
export interface KoaState {
  audit: Audit;
}

/**
 * Returns a middleware that sets `ctx.state.audit` and records each request when its response has been sent or cut off,
 * with the path of the route matched by @koa/router, such as `/jobs/:id`. Events recorded with `ctx.state.audit` have
 * the request's ID.
 *
 * @example
 * ```ts
 * app.use(auditKoa(audit, { actor: (ctx) => ctx.state.user?.id }));
 * ```
 */
export function auditKoa<Context extends KoaContext = KoaContext>(
  audit: Audit,
  options: HttpOptions<Context> = {},
): (context: Context, next: () => Promise<unknown>) => Promise<void> {
  mustRecord(audit);
  const recording = new HttpRecording<Context>(options);
  return async (context, next) => {
    const { req, res, method } = context;
    // In a mounted app, `url` is only the rest of the path.
    const { url, originalUrl: target = url } = context;
    const { origin, path, query } = splitTarget(url);
    const { current, refuse, done } = recording.begin(context, {
      method,
      template: () => {
        const { _matchedRoute: route } = context as { _matchedRoute?: unknown };
        return typeof route === "string" ? route : undefined;
      },
      path: () => splitTarget(target).path,
      otherPath: () => (target === url ? undefined : path),
      setPath: () => {
        context.url = origin + parsePath(path).normal + query;
      },
      check: () => mustHaveOneHost(req, target),
      host: () => context.host,
      ip: () => req.socket.remoteAddress,
      header: headersOf(req.headers),
    });
    (context.state as KoaState).audit = scopedTo(audit, current);
    const refused = await refuse();
    onResponseEnd(res, (end) => {
      done(audit, { ...end, refusal: refused?.refusal });
      // Other listeners for the end of the response still belong to the request.
      setTimeout(() => current.end(), 0);
    });
    if (refused === undefined) {
      bindEmitter(req, current);
      bindEmitter(res, current);
      await current.within(next);
      return;
    }
    context.status = refused.status;
    context.set(refused.headers);
    context.body = refused.body;
  };
}
