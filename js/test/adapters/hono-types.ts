/** Compiles the README's line on Hono with any type of context. */

import type { Audit } from "countersign";
import { auditOf } from "countersign/cloudflare";
import { type AuditVariables, auditHono } from "countersign/hono";
import { Hono } from "hono";

declare const audit: Audit;

new Hono().use(auditHono(audit, { actor: (c) => c.get("user")?.id }));

const app = new Hono<{ Variables: AuditVariables & { user: { id: string } } }>();
app.use(auditHono(audit, { actor: (c) => c.get("user")?.id }));
app.use(auditHono<{ Variables: { user: { id: string } } }>(audit, { actor: (c) => c.get("user").id }));
app.get("/", (c) => {
  c.var.audit.record({ action: "a.b", actor: c.get("user") });
  return c.text("ok");
});
app.use(
  "/jobs/*",
  auditHono((c) => auditOf(c.executionCtx)),
);
