import process from "node:process";
import { createRecorder } from "countersign";
import { auditHttp, closeOnSignals, fileOutbox } from "countersign/node";
import Fastify, { type FastifyRequest } from "fastify";

const { AUDIT_KEY = "", AUDIT_URL = "", AUDIT_LOG = "", AUDIT_OUTBOX = "audit.outbox", PORT = "3000" } = process.env;

/** One recorder for the whole program. Undelivered events stay in the outbox and are sent after the next start. */
const audit = createRecorder({ key: AUDIT_KEY, to: AUDIT_URL, log: AUDIT_LOG, outbox: fileOutbox(AUDIT_OUTBOX) });

const jobs = new Map([
  ["1", { id: "1", name: "nightly-backup" }],
  ["2", { id: "2", name: "invoice-run" }],
]);

const app = Fastify();

// Records each request as `http.request`, with the route's template and without headers, body, and query.
app.addHook(
  "onRequest",
  auditHttp<FastifyRequest>(audit, { actor: (request) => request.headers["x-user"]?.toString() }),
);

app.get("/jobs", async () => [...jobs.values()]);

app.delete<{ Params: { id: string } }>("/jobs/:id", async (request, reply) => {
  const job = jobs.get(request.params.id);
  if (job === undefined) {
    return reply.code(404).send({ error: "job not found" });
  }
  jobs.delete(job.id);
  const event = audit.record({
    action: "job.delete",
    actor: { id: request.headers["x-user"]?.toString() ?? "anonymous" },
    target: { type: "job", ...job },
  });
  // Now it survives a kill of this process. To respond only when the log has it: await event.delivered()
  await event.stored();
  return job;
});

app.get("/healthz", async (_request, reply) => {
  const { waiting, dropped, dead, lastError } = audit.status();
  reply.code(lastError ? 503 : 200);
  return { waiting, dropped, dead: dead.length, lastError: lastError?.code ?? null };
});

closeOnSignals(audit, { first: () => app.close() });

console.log(await app.listen({ port: Number(PORT), host: "127.0.0.1" }));
