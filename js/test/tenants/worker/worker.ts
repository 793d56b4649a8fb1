/** A Worker and a Durable Object that record events of tenants. */

import { DurableObject } from "cloudflare:workers";
import { type Audit, type CountersignError, type WorkerContext, withCountersign } from "countersign/cloudflare";

interface Env {
  KEY: string;
  LOG: string;
  URL: string;
  ROOM: { getByName(name: string): { note(tenant: string): Promise<void> } };
}

const options = (env: Env) => ({ key: env.KEY, to: env.URL, log: env.LOG, tenants: "create" as const });

export default withCountersign(options, {
  async fetch(request: Request, env: Env, _ctx: WorkerContext, audit: Audit) {
    const { pathname, searchParams } = new URL(request.url);
    const tenant = searchParams.get("tenant") ?? "";
    if (pathname === "/object") {
      await env.ROOM.getByName("room").note(tenant);
      return new Response("stored");
    }
    if (pathname === "/shared") {
      // Each tenant's log has a copy.
      const { tenants } = audit.record({ tenants: tenant.split(","), action: "job.share" });
      const receipts = await Promise.all(Array.from(tenants?.values() ?? [], (handle) => handle.delivered()));
      return Response.json(receipts.map(({ proof }) => proof));
    }
    const handle = audit.with({ tenant }).record({ action: "job.update" });
    if (pathname === "/awaited") {
      return new Response((await handle.delivered()).proof);
    }
    if (pathname === "/failing") {
      const failure = await handle.delivered().then(
        () => undefined,
        (error: CountersignError) => error,
      );
      return Response.json({ code: failure?.code, tenant: failure?.tenant, evidence: failure?.evidence });
    }
    return new Response("recorded");
  },
});

export class Room extends withCountersign(options, DurableObject<Env>) {
  async note(tenant: string): Promise<void> {
    await this.audit.record({ tenant, action: "room.note" }).stored();
  }
}
