/**
 * The entry `countersign/next`: the adapter for Next.js.
 *
 * @module
 */

export { type After, auditNext, type HandlerWrapper, type NextOptions, type RouteArguments } from "./adapters/next.js";
export type { Audit } from "./record/audit.js";
