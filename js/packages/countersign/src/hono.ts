/**
 * The entry `countersign/hono`: the adapter for Hono.
 *
 * @module
 */

export { type AuditVariables, auditHono, type HonoAudit, type HonoOptions } from "./adapters/hono.js";
export type { HttpOptions } from "./adapters/http-request.js";
export type { Audit } from "./record/audit.js";
