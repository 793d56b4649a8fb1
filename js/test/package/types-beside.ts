/** What TypeScript must know of the entries that stand on other packages' types: compiled beside those, never run. */

import { createServer } from "node:http";
import { createRecorder, type Outbox } from "countersign";
import { auditHono } from "countersign/hono";
import { auditHttp, closeOnSignals, fileOutbox, fileTransport } from "countersign/node";
import { Hono } from "hono";

const outbox: Outbox = fileOutbox(new URL("file:///x"));
const audit = await createRecorder({ key: "", to: fileTransport("x"), origin: "", outbox });

const app = new Hono();
app.use(auditHono({ audit, actor: (c) => c.req.header("x-user") }));

createServer().prependListener("request", auditHttp(audit));
closeOnSignals(audit);
// @ts-expect-error: a file has a path
fileOutbox(1);
// @ts-expect-error: a recorder is needed
auditHttp();
