/**
 * The entry `countersign/koa`: the adapter for Koa.
 *
 * @module
 */

export type { HttpOptions } from "./adapters/http-request.js";
export { auditKoa, type KoaContext, type KoaState } from "./adapters/koa.js";
export type { Audit } from "./record/audit.js";
