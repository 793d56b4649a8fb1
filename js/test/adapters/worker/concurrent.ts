/** A Worker whose requests do what their path says. */

import { auditOf, type WorkerContext, withCountersign } from "countersign/cloudflare";

interface Env {
  AUDIT_KEY: string;
  AUDIT_URL: string;
  AUDIT_LOG: string;
}

const event = (id: string) => ({ action: "job.update", actor: { id: "u_1" }, target: { type: "job", id } });

const audited = withCountersign(
  (env: Env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL, log: env.AUDIT_LOG, timeoutMs: 500 }),
  {
    async fetch(request, _env, ctx, audit) {
      const { pathname, searchParams } = new URL(request.url);
      const id = searchParams.get("id") ?? "";
      switch (pathname) {
        case "/record":
          audit.record(event(id));
          return new Response("ok");
        case "/many": {
          const count = Number(searchParams.get("count"));
          for (let nth = 0; nth < count; nth += 1) {
            audit.record(event(`${id}-${nth}`));
          }
          return new Response("ok");
        }
        case "/slow":
          await new Promise((resolve) => setTimeout(resolve, 300));
          audit.record(event(id));
          return new Response("ok");
        case "/throw":
          audit.record(event(id));
          throw new Error("this handler throws");
        case "/delivered": {
          const { index, proof } = await audit.record(event(id)).delivered();
          return Response.json({ index, proof });
        }
        case "/later": {
          const { readable, writable } = new TransformStream();
          const produce = async () => {
            const writer = writable.getWriter();
            await writer.write(new TextEncoder().encode("first "));
            await new Promise((resolve) => setTimeout(resolve, 100));
            audit.record(event(id));
            await writer.write(new TextEncoder().encode("last"));
            await writer.close();
          };
          ctx.waitUntil(produce());
          return new Response(readable);
        }
        case "/framework":
          auditOf(ctx)?.record(event(id));
          return new Response("ok");
        case "/status": {
          const { waiting, chain, lastError, dead } = audit.status();
          return Response.json({ waiting, chain, code: lastError?.code, dead: dead.length });
        }
        default:
          return new Response(null, { status: 404 });
      }
    },
    scheduled(controller, _env, _ctx, audit) {
      audit.record(event(controller.cron));
    },
    queue(batch, _env, _ctx, audit) {
      for (const message of batch.messages) {
        audit.record(event(message.id));
      }
    },
  },
);

export default {
  ...audited,
  fetch(request: Request, env: Env, ctx: WorkerContext): Promise<Response> {
    // Simulates the end of the context shortly after the response.
    const cut = new URL(request.url).searchParams.has("cut");
    const moment = () => new Promise((resolve) => setTimeout(resolve, 100));
    const waitUntil = (promise: Promise<unknown>) => ctx.waitUntil(Promise.race([promise, moment()]));
    return audited.fetch(request, env, cut ? { waitUntil, passThroughOnException() {}, props: {} } : ctx);
  },
};
