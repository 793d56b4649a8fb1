/** Type tests with Cloudflare's types. This file is compiled and never run. */

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { type Audit, auditOf, durableObjectOutbox, r2Transport, withCountersign } from "countersign/cloudflare";
import { type AuditVariables, auditHono } from "countersign/hono";
import { Hono } from "hono";

interface Env {
  AUDIT_KEY: string;
  AUDIT_URL: string;
  AUDIT_LOG: string;
  STORED_KEY: SecretsStoreSecret;
  SERVICE: Fetcher;
  LOG: DurableObjectNamespace;
  ROOM: DurableObjectNamespace<Room>;
  TILES: R2Bucket;
}

/** Compiles only if both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._proof: Same<A, B> extends true ? [] : [never]): void {}

const options = (env: Env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL, log: env.AUDIT_LOG });

export default withCountersign(options, {
  async fetch(request, env, ctx, audit) {
    same<typeof request, Request>();
    same<typeof env, Env>();
    same<typeof audit, Audit>();
    ctx.waitUntil(audit.flush({ retryForMs: 1 }));
    same<ReturnType<typeof auditOf>, Audit | undefined>();
    const { index } = await audit.record({ action: "job.delete" }).delivered();
    same<typeof index, number | null>();
    // @ts-expect-error: `action` is required
    audit.record({ actor: { id: "u_1" } });
    // @ts-expect-error: a request can't close the isolate's recorder
    audit.close();
    // @ts-expect-error: unknown variable
    env.NO_SUCH;
    return new Response("ok");
  },
  async scheduled(controller, env, _ctx, audit) {
    same<typeof controller.cron, string>();
    same<typeof env, Env>();
    audit.record({ action: "job.trigger" });
  },
  async queue(batch: MessageBatch<{ id: string }>, _env: Env, _ctx: ExecutionContext, audit: Audit) {
    for (const { body, id } of batch.messages) {
      audit.record({ action: "job.trigger", target: { type: "job", id: body.id, name: id } });
    }
    batch.ackAll();
  },
  async email(message: ForwardableEmailMessage, _env, _ctx, audit) {
    audit.record({ action: "mail.receive", metadata: { size: message.rawSize } });
  },
  async tail(events: TraceItem[], _env, _ctx, audit) {
    audit.record({ action: "log.tail", metadata: { count: events.length } });
  },
}) satisfies ExportedHandler<Env, { id: string }>;

/** Handlers without the types of a framework. */
const handlers = withCountersign(options, {
  fetch: () => new Response("ok"),
  scheduled: async () => {},
});
same<keyof typeof handlers, "fetch" | "scheduled">();
same<ReturnType<typeof handlers.fetch>, Promise<Response>>();

const handler = { fetch: (): Response => new Response("ok") };
withCountersign((env: Env) => ({ ...options(env), key: env.STORED_KEY }), handler);
withCountersign((env: Env) => ({ ...options(env), to: env.SERVICE }), handler);
withCountersign((env: Env) => ({ ...options(env), to: env.LOG }), handler);
withCountersign((env: Env) => ({ ...options(env), to: env.ROOM }), handler);
withCountersign((env: Env) => ({ ...options(env), to: { binding: env.LOG, name: "a" } }), handler);
withCountersign(
  (env: Env) => ({
    ...options(env),
    to: { url: "https://log.example", fetch: (url, init) => env.SERVICE.fetch(url, init) },
  }),
  handler,
);
withCountersign(async (env: Env) => ({ ...options(env), key: await env.STORED_KEY.get() }), handler);
withCountersign(
  (env: Env) => ({ key: env.AUDIT_KEY, to: r2Transport(env.TILES, { prefix: "a" }), origin: "a" }),
  handler,
);
withCountersign({ key: "", to: "", log: "" }, handler, {
  required: true,
  http: { actor: (request) => request.headers.get("x-user") ?? undefined, path: "actual" },
});
// @ts-expect-error: `maxDelayMs` is not supported; flushes start when an invocation ends
withCountersign({ key: "", to: "", log: "", autoFlush: { maxDelayMs: 10 } }, handler);
// An absent option is read from the environment.
withCountersign((env: Env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL }), handler);
withCountersign<Env, typeof handler>(handler) satisfies ExportedHandler<Env>;
// @ts-expect-error: options alone have no handlers
withCountersign({ key: "" });
// @ts-expect-error: the key must be a string or a signer
withCountersign((env: Env) => ({ key: 1, to: env.AUDIT_URL, log: env.AUDIT_LOG }), handler);
// @ts-expect-error: a handler must return a response
withCountersign(options, { fetch: () => "no response" });

export class Room extends withCountersign(options, DurableObject<Env>) {
  readonly #outbox = durableObjectOutbox(this.ctx.storage, { name: "second" });

  async join(who: string): Promise<number> {
    same<typeof this.audit, Audit>();
    same<typeof this.env, Env>();
    await this.audit.record({ action: "room.join", actor: { id: who } }).stored();
    return this.#outbox === undefined ? 0 : 1;
  }
}

export async function join(env: Env): Promise<number> {
  return env.ROOM.getByName("a").join("u_1");
}

export class Entry extends withCountersign(options, WorkerEntrypoint<Env>) {
  async note(): Promise<void> {
    this.audit.record({ action: "entry.note" });
    this.ctx.waitUntil(this.audit.flush());
    same<typeof this.env.AUDIT_KEY, string>();
  }
}

interface Variables extends AuditVariables {
  user: { id: string };
}
const app = new Hono<{ Bindings: Env; Variables: Variables }>();
app.use(auditHono((c) => auditOf(c.executionCtx)));
app.use(
  auditHono<{ Bindings: Env; Variables: Variables }>((c) => auditOf(c.executionCtx), {
    actor: (c) => c.get("user").id,
  }),
);
app.get("/", (c) => {
  same<typeof c.var.audit, Audit>();
  const got = c.get("audit");
  same<typeof got, Audit>();
  return c.text("ok");
});
// In a chain of calls, the type is inferred.
new Hono()
  .use(
    auditHono((c) => auditOf(c.executionCtx), {
      actor: (c) => c.req.header("x-user"),
      only: (c, { status }) => c.req.path !== "/" && status > 0,
    }),
  )
  .get("/", (c) => {
    same<typeof c.var.audit, Audit>();
    return c.text("ok");
  });
// @ts-expect-error: `id` is required
app.use(auditHono((c) => auditOf(c.executionCtx), { actor: () => ({ name: "Alice" }) }));

export const hono = withCountersign(options, app) satisfies ExportedHandler<Env>;
