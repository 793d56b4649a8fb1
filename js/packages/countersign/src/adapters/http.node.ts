/** Servers of `node:http`, and the frameworks on them: Express, Fastify, Connect. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { bindEmitter } from "../context/request.js";
import { must } from "../error.js";
import type { Refusal } from "../gate/decision.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { type HttpOptions, HttpRecording, type Refused } from "./http-request.js";
import { headersOf, whenEnded } from "./node-response.js";

/** A request as its framework has it. */
export type NodeRequest = IncomingMessage & ExpressRequest;

/** What Express adds. */
interface ExpressRequest {
  baseUrl?: string;
  originalUrl?: string;
  route?: { path?: unknown };
}

/** What Fastify has in the place of a request. */
interface FastifyRequest {
  raw: IncomingMessage;
  routeOptions?: { url?: string | undefined };
}

/** What Fastify has in the place of a response. */
interface FastifyReply {
  raw: ServerResponse;
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** A middleware, a listener of a server's `request`, and a hook of Fastify's `onRequest`. */
export interface NodeMiddleware {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void;
}

/** What to record of requests; the callbacks are called with the framework's request. */
export type NodeOptions<Request = NodeRequest> = HttpOptions<Request>;

/**
 * Records each request when its response is through, or has been cut off.
 *
 *     app.use(auditHttp(audit, { actor: (request) => request.user?.id })); // Express
 *     app.addHook("onRequest", auditHttp(audit)); // Fastify
 *     server.prependListener("request", auditHttp(audit)); // node:http
 */
export function auditHttp<Request = NodeRequest>(audit: Audit, options: NodeOptions<Request> = {}): NodeMiddleware {
  mustRecord(audit);
  const recording = new HttpRecording<Request>(options);
  return (given: IncomingMessage | FastifyRequest, answer: ServerResponse | FastifyReply, next?: () => void) => {
    const request = "raw" in given ? given.raw : given;
    const response = "raw" in answer ? answer.raw : answer;
    // Read now: a framework may rewrite it.
    const { method = "", url = "", baseUrl, originalUrl = url } = request as NodeRequest;
    const header = headersOf(request.headers);
    const { current, refuse, done } = recording.begin(given as Request, {
      method,
      template: () => ("raw" in given ? given.routeOptions?.url : expressTemplate(given as NodeRequest)),
      // Where a router is mounted it has the rest of the path alone.
      path: () => pathOf(baseUrl ? originalUrl : url),
      host: () => header("host"),
      ip: () => request.socket.remoteAddress,
      header,
    });
    let refusal: Refusal | undefined;
    whenEnded(response, (end) => {
      done(audit, { ...end, refusal });
      // Whatever else waits for the end of the response is part of the request.
      setImmediate(() => current.end());
    });
    // Their events come from the connection, which many requests may have in common.
    bindEmitter(request, current);
    bindEmitter(response, current);
    const decided = (refused: Refused | undefined) => {
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
    const hint =
      "call what auditHttp gives with a third argument: (request, response, () => handler(request, response))";
    must(!recording.isGated || next !== undefined, "gate", "a gate cannot keep another listener from answering", hint);
    const refusing = refuse();
    if (refusing instanceof Promise) {
      refusing.then(decided);
    } else {
      decided(refusing);
    }
  };
}

function respond(answer: ServerResponse | FastifyReply, { status, headers, body }: Refused): void {
  if ("raw" in answer) {
    answer.code(status);
    answer.headers(headers);
    answer.send(body);
  } else {
    answer.writeHead(status, headers).end(body);
  }
}

/** The path of the route that answered. Where its router is mounted is told with parameters filled in, so not here. */
function expressTemplate({ baseUrl = "", route }: ExpressRequest): string | undefined {
  return typeof route?.path === "string" ? `${baseUrl === "" ? "" : "/*"}${route.path}` : undefined;
}

/** The path of a request's target, which may be a whole URL. With a fragment, Express takes `\` for `/`. */
function pathOf(target: string): string {
  const [path = ""] = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  return target.includes("#") ? path.replaceAll("\\", "/") : path;
}
