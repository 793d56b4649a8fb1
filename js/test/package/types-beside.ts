/** Type tests for entries that use other packages' types, compiled with those and never run. */

import { createServer } from "node:http";
import { createRecorder, type Outbox } from "countersign";
import { auditHono } from "countersign/hono";
import { auditHttp, closeOnSignals, fileOutbox, fileTransport } from "countersign/node";
import { drainer, postgresRecorder } from "countersign/postgres";
import { Hono } from "hono";

const outbox: Outbox = fileOutbox(new URL("file:///x"));
const audit = createRecorder({ key: "", to: fileTransport("x"), origin: "", outbox });

declare const pool: {
  connect(): Promise<{
    query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
    release(error?: boolean): void;
  }>;
};
const events = await postgresRecorder({ table: "audit.outbox" });
await events.record(await pool.connect(), { action: "job.delete" });
// @ts-expect-error: `action` is required
await events.record(await pool.connect(), {});
await drainer({ connect: () => pool.connect(), recorder: { key: "", to: "", log: "" } }).run(AbortSignal.timeout(1));
// @ts-expect-error: a drainer has no option `outbox`
drainer({ connect: () => pool.connect(), recorder: { key: "", to: "", log: "", outbox } });

const app = new Hono();
app.use(auditHono(audit, { actor: (c) => c.req.header("x-user") }));

createServer().prependListener("request", auditHttp(audit));
closeOnSignals(audit);
// @ts-expect-error: the path must be a string
fileOutbox(1);
// @ts-expect-error: a recorder is required
auditHttp();
