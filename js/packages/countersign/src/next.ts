/** Next.js. */

export { type After, auditNext, type NextOptions } from "./adapters/next.js";
export type { Audit } from "./record/audit.js";
