/** A Worker whose requests are recorded: by the adapter alone, and by Hono's middleware. */

import { type WorkerContext, withCountersign } from "countersign/cloudflare";
import { type AuditVariables, auditHono } from "countersign/hono";
import { Hono } from "hono";

interface Env {
  KEY: string;
  URL: string;
  LOG: string;
}

const options = (env: Env) => ({ key: env.KEY, to: env.URL, log: env.LOG });

const app = new Hono<{ Bindings: Env; Variables: AuditVariables }>();
app.use(auditHono({ ip: true }));
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

export default {
  fetch(request: Request, env: Env, ctx: WorkerContext): Promise<Response> {
    return new URL(request.url).pathname.startsWith("/hono/")
      ? hono.fetch(request, env, ctx)
      : plain.fetch(request, env, ctx);
  },
};
