/** The adapter for `node:http` servers and frameworks based on them: Express, Fastify, Connect. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { bindEmitter } from "../context/request.js";
import { must } from "../error.js";
import type { Refusal } from "../gate/decision.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { type HttpOptions, HttpRecording, type RefusedResponse } from "./http-request.js";
import { headersOf, onResponseEnd } from "./node-response.js";
import { mustHaveOneHost } from "./request-host.js";
import { parsePath, splitTarget } from "./request-path.js";

/** A request of `node:http`, with the fields that Express adds. */
export type NodeRequest = IncomingMessage & ExpressRequest;

/** The fields that Express adds. */
interface ExpressRequest {
  baseUrl?: string;
  originalUrl?: string;
  route?: { path?: unknown };
}

/** The parts of Fastify's request that are used. */
interface FastifyRequest {
  raw: IncomingMessage;
  routeOptions?: { url?: string | undefined };
}

/** The parts of Fastify's reply that are used. */
interface FastifyReply {
  raw: ServerResponse;
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** A middleware, a listener for a server's `request` event, and a Fastify `onRequest` hook. */
export interface NodeMiddleware {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void;
}

/** Options of `auditHttp`. Callbacks receive the framework's request. */
export type NodeOptions<Request = NodeRequest> = HttpOptions<Request>;

/**
 * Records each request when its response has been sent or cut off.
 *
 * @example
 * ```ts
 * app.use(auditHttp(audit, { actor: (request) => request.user?.id })); // Express
 * app.addHook("onRequest", auditHttp(audit)); // Fastify
 * server.prependListener("request", auditHttp(audit)); // node:http
 * ```
 */
export function auditHttp<Request = NodeRequest>(audit: Audit, options: NodeOptions<Request> = {}): NodeMiddleware {
  mustRecord(audit);
  const recording = new HttpRecording<Request>(options);
  return (given: IncomingMessage | FastifyRequest, answer: ServerResponse | FastifyReply, next?: () => void) => {
    const request = "raw" in given ? given.raw : given;
    const response = "raw" in answer ? answer.raw : answer;
    // Read now, because frameworks may rewrite it.
    const { method = "", url = "", baseUrl, originalUrl = url } = request as NodeRequest;
    // In a mounted router, `url` is only the rest of the path. Express has an empty base outside of one; Connect has none.
    const target = "raw" in given || baseUrl === "" ? url : originalUrl;
    const { path } = splitTarget(target);
    const header = headersOf(request.headers);
    const { current, refuse, done } = recording.begin(given as Request, {
      method,
      template: () => ("raw" in given ? given.routeOptions?.url : expressTemplate(given as NodeRequest)),
      path: () => path,
      // Without a base, middleware may have changed it.
      otherPath: () => (baseUrl === undefined && target !== url ? splitTarget(url).path : undefined),
      // Fastify has chosen the route by now.
      ...("raw" in given ? {} : { setPath: () => setPath(request) }),
      check: () => mustHaveOneHost(request, target),
      host: () => header(":authority") ?? header("host"),
      ip: () => request.socket.remoteAddress,
      header,
    });
    let refusal: Refusal | undefined;
    onResponseEnd(response, (end) => {
      done(audit, { ...end, refusal });
      // Other listeners for the end of the response still belong to the request.
      setImmediate(() => current.end());
    });
    // Their events are emitted by the connection, which requests may share.
    bindEmitter(request, current);
    bindEmitter(response, current);
    const decided = (refused: RefusedResponse | undefined) => {
      refusal = refused?.refusal;
      if (refused === undefined) {
        if (next === undefined) {
          current.enter();
        } else {
          current.within(next);
        }
      } else if (!response.destroyed) {
        respond(answer, refused);
      }
    };
    const hint = "call the middleware with a third argument: (request, response, () => handler(request, response))";
    must(
      !recording.isGated || next !== undefined,
      "gate",
      "`gate` can't be used in a listener, which can't stop other listeners from responding",
      hint,
    );
    const refusing = refuse();
    if (refusing instanceof Promise) {
      refusing.then(decided);
    } else {
      decided(refusing);
    }
  };
}

function respond(answer: ServerResponse | FastifyReply, { status, headers, body }: RefusedResponse): void {
  if ("raw" in answer) {
    answer.code(status);
    answer.headers(headers);
    answer.send(body);
  } else {
    answer.writeHead(status, headers).end(body);
  }
}

/** Returns the matched route's template. The mount path is only known with parameters filled in, so it becomes `*`. */
function expressTemplate({ baseUrl = "", route }: ExpressRequest): string | undefined {
  return typeof route?.path === "string" ? `${baseUrl === "" ? "" : "/*"}${route.path}` : undefined;
}

/** Puts the path of a request into normal form. In a mounted router, this is the rest of the path. */
function setPath(request: IncomingMessage): void {
  const { origin, path, query } = splitTarget(request.url ?? "");
  request.url = origin + parsePath(path).normal + query;
}
