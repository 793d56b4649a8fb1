/** Koa. */

export type { Audit } from "./adapters/audit.js";
export type { HttpOptions } from "./adapters/http-request.js";
export { auditKoa, type KoaContext, type KoaState } from "./adapters/koa.js";
