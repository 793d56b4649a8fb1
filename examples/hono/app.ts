import process from "node:process";
import { auditHono } from "countersign/hono";
import { Hono } from "hono";
import { audit } from "./audit.ts";

const jobs = new Map([
  ["1", { id: "1", name: "nightly-backup" }],
  ["2", { id: "2", name: "invoice-run" }],
]);

const app = new Hono()
  // Records each request as `http.request`, with the route's template and without headers, body, and query.
  .use(auditHono(audit, { actor: (c) => c.req.header("x-user") }))
  .get("/jobs", (c) => c.json([...jobs.values()]))
  .delete("/jobs/:id", async (c) => {
    const job = jobs.get(c.req.param("id"));
    if (job === undefined) {
      return c.json({ error: "job not found" }, 404);
    }
    jobs.delete(job.id);
    const event = c.var.audit.record({
      action: "job.delete",
      actor: { id: c.req.header("x-user") ?? "anonymous" },
      target: { type: "job", ...job },
    });
    // Now it survives a kill of this process. To respond only when the log has it: await event.delivered()
    await event.stored();
    return c.json(job);
  })
  .get("/healthz", (c) => {
    const { waiting, dropped, dead, lastError } = audit.status();
    return c.json({ waiting, dropped, dead: dead.length, lastError: lastError?.code ?? null }, lastError ? 503 : 200);
  });

/** The server for Deno and Bun. */
export default { port: Number(process.env.PORT ?? 3000), fetch: app.fetch };
