/** Next.js. */

export type { Audit } from "./adapters/audit.js";
export { type After, auditNext, type NextOptions } from "./adapters/next.js";
