/** A Worker whose requests are recorded by the adapter, and by Hono's middleware. */

import { auditOf, type WorkerContext, withCountersign } from "countersign/cloudflare";
import { type AuditVariables, auditHono } from "countersign/hono";
import { auditNext } from "countersign/next";
import { auditHandle, type SvelteKitEvent, type SvelteKitLocals } from "countersign/sveltekit";
import { Hono } from "hono";

interface Env {
  KEY: string;
  URL: string;
  LOG: string;
}

const options = (env: Env) => ({ key: env.KEY, to: env.URL, log: env.LOG });

const app = new Hono<{ Bindings: Env; Variables: AuditVariables }>();
app.use(auditHono((c) => auditOf(c.executionCtx), { ip: true }));
app.get("/hono/jobs/:id", (c) => {
  c.var.audit.record({ action: "config.read", target: { type: "job", id: c.req.param("id") } });
  return c.text("ok");
});

const hono = withCountersign(options, app);

const plain = withCountersign(
  options,
  {
    fetch(request) {
      switch (new URL(request.url).pathname) {
        case "/plain/throw":
          throw new Error("it throws");
        case "/plain/socket": {
          const { 0: client, 1: server } = new (
            globalThis as unknown as { WebSocketPair: new () => [WebSocket, WebSocket & { accept(): void }] }
          ).WebSocketPair();
          server.accept();
          server.addEventListener("message", ({ data }) => server.send(`${data} back`));
          server.addEventListener("close", () => server.close());
          return new Response(null, { status: 101, webSocket: client } as ResponseInit);
        }
        case "/plain/endless": {
          const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
          const writer = writable.getWriter();
          const write = async (): Promise<void> => {
            for (;;) {
              await writer.write(new Uint8Array(65_536));
            }
          };
          write().catch(() => {});
          return new Response(readable);
        }
        default:
          return new Response("ok", { headers: { "x-own": "1" } });
      }
    },
  },
  { http: { path: "actual", host: true, ip: true } },
);

interface Platform {
  env: Env;
  ctx: WorkerContext;
}

/** The latest request's environment, which Next.js provides globally. */
let asked: { env: Env; ctx: WorkerContext };
const audited = auditNext(() => options(asked.env), { after: (work) => asked.ctx.waitUntil(work) });
const next = audited(async (_request, _context, audit) => {
  // More than a recorder queues by default.
  const metadata = { body: "x".repeat(150_000) };
  audit.record({ action: "config.read", metadata });
  audit.record({ action: "config.read", metadata });
  await new Promise((resolve) => setTimeout(resolve, 0));
  return Response.json({ queued: audit.status().queued });
});

/** SvelteKit's hook on Cloudflare. */
const handle = ({ event, resolve }: { event: SvelteKitEvent; resolve: (event: SvelteKitEvent) => Response }) =>
  withCountersign(options, {
    fetch: (_request, _env, _ctx, audit) => auditHandle(audit)({ event, resolve }),
  }).fetch(event.request, (event.platform as Platform).env, (event.platform as Platform).ctx);

/** Calls the hook like SvelteKit's Worker does. */
const kit = (request: Request, env: Env, ctx: WorkerContext) =>
  handle({
    event: {
      request,
      url: new URL(request.url),
      route: { id: "/kit/jobs/[id]" },
      locals: {},
      platform: { env, ctx } satisfies Platform,
      getClientAddress: () => request.headers.get("cf-connecting-ip") ?? "",
    },
    resolve: ({ locals }) => {
      (locals as SvelteKitLocals).audit.record({ action: "config.read", target: { type: "job", id: "42" } });
      return new Response("ok");
    },
  });

export default {
  fetch(request: Request, env: Env, ctx: WorkerContext): Promise<Response> {
    const [, first] = new URL(request.url).pathname.split("/");
    if (first === "next") {
      asked = { env, ctx };
      return next(request, { params: Promise.resolve({}) });
    }
    if (first === "kit") {
      return kit(request, env, ctx);
    }
    return first === "hono" ? hono.fetch(request, env, ctx) : plain.fetch(request, env, ctx);
  },
};
