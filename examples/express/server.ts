import { createServer } from "node:http";
import process from "node:process";
import { createRecorder } from "countersign";
import { auditHttp, closeOnSignals, fileOutbox } from "countersign/node";
import express from "express";

const { AUDIT_KEY = "", AUDIT_URL = "", AUDIT_LOG = "", AUDIT_OUTBOX = "audit.outbox", PORT = "3000" } = process.env;

/** One recorder for the whole program. Undelivered events stay in the outbox and are sent after the next start. */
const audit = createRecorder({ key: AUDIT_KEY, to: AUDIT_URL, log: AUDIT_LOG, outbox: fileOutbox(AUDIT_OUTBOX) });

const jobs = new Map([
  ["1", { id: "1", name: "nightly-backup" }],
  ["2", { id: "2", name: "invoice-run" }],
]);

const app = express();

// Records each request as `http.request`, with the route's template and without headers, body, and query.
app.use(auditHttp(audit, { actor: (request) => request.headers["x-user"]?.toString() }));

app.get("/jobs", (_request, response) => {
  response.json([...jobs.values()]);
});

app.delete("/jobs/:id", async (request, response) => {
  const job = jobs.get(request.params.id);
  if (job === undefined) {
    response.status(404).json({ error: "job not found" });
    return;
  }
  jobs.delete(job.id);
  const event = audit.record({
    action: "job.delete",
    actor: { id: request.get("x-user") ?? "anonymous" },
    target: { type: "job", ...job },
  });
  // Now it survives a kill of this process. To respond only when the log has it: await event.delivered()
  await event.stored();
  response.json(job);
});

app.get("/healthz", (_request, response) => {
  const { waiting, dropped, dead, lastError } = audit.status();
  response
    .status(lastError ? 503 : 200)
    .json({ waiting, dropped, dead: dead.length, lastError: lastError?.code ?? null });
});

const server = createServer(app).listen(Number(PORT), "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" ? address?.port : PORT}`);
});

closeOnSignals(audit, {
  first: () => {
    server.closeIdleConnections();
    return new Promise((closed) => server.close(closed));
  },
});
