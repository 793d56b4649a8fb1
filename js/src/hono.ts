/** Hono, in whatever runtime. */

export type { Audit } from "./adapters/audit.js";
export { type AuditVariables, auditHono, type HonoOptions } from "./adapters/hono.js";
export type { HttpOptions } from "./adapters/http-request.js";
