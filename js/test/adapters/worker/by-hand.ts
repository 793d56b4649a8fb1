/** A Worker that creates its recorders with `createRecorder`. */

import { DurableObject } from "cloudflare:workers";
import { auditFetch, createRecorder, type Recorder } from "countersign";
import { auditHono } from "countersign/hono";
import { auditHandle } from "countersign/sveltekit";
import { Hono } from "hono";

interface Env {
  KEY: string;
  URL: string;
  LOG: string;
  OBJECT: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

const made = ({ KEY, URL, LOG }: Env, autoFlush?: false) => createRecorder({ key: KEY, to: URL, log: LOG, autoFlush });

let shared: Recorder | undefined;
let asked: Recorder | undefined;

/** Records an event without waiting for its delivery. */
function recorded(audit: Pick<Recorder, "record">, request: Request): Response {
  audit.record({ action: "job.delete", target: { type: "job", id: new URL(request.url).search } });
  return new Response("ok");
}

const ways: Record<string, (request: Request, env: Env, ctx: Context) => Response | Promise<Response>> = {
  async "/shared"(request, env) {
    shared ??= made(env);
    return recorded(shared, request);
  },
  async "/own"(request, env) {
    return recorded(made(env), request);
  },
  async "/closed"(request, env, ctx) {
    const audit = made(env);
    const response = recorded(audit, request);
    ctx.waitUntil(audit.close({ retryForMs: 5_000 }));
    return response;
  },
  async "/flushed"(request, env, ctx) {
    asked ??= made(env, false);
    const audit = asked;
    const response = recorded(audit, request);
    ctx.waitUntil(audit.flush({ retryForMs: 10_000 }));
    return response;
  },
  async "/delivered"(request, env) {
    shared ??= made(env);
    const audit = shared;
    await audit.record({ action: "job.delete", target: { type: "job", id: new URL(request.url).search } }).delivered();
    return new Response("ok");
  },
  "/object": (request, env) => env.OBJECT.getByName("x").fetch(request),
  async "/fetch"(request, env, ctx) {
    shared ??= made(env);
    const audit = shared;
    return auditFetch(audit, (request, _env: Env, _ctx: Context) => recorded(audit, request))(request, env, ctx);
  },
  async "/hono"(request, env, ctx) {
    shared ??= made(env);
    const app = new Hono().use(auditHono(shared)).get("/hono", ({ req, var: { audit } }) => recorded(audit, req.raw));
    return app.fetch(request, env, ctx as never);
  },
  async "/sveltekit"(request, env, ctx) {
    shared ??= made(env);
    const audit = shared;
    return auditHandle(audit)({
      event: {
        request,
        url: new URL(request.url),
        route: { id: null },
        locals: {},
        platform: { env, ctx },
        getClientAddress: () => "",
      },
      resolve: ({ request }) => recorded(audit, request),
    });
  },
};

export default {
  async fetch(request: Request, env: Env, ctx: Context): Promise<Response> {
    return ways[new URL(request.url).pathname]?.(request, env, ctx) ?? new Response(null, { status: 404 });
  },
};

export class Thing extends DurableObject<Env> {
  #audit: Recorder | undefined;

  async fetch(request: Request): Promise<Response> {
    this.#audit ??= made(this.env);
    return recorded(this.#audit, request);
  }
}
