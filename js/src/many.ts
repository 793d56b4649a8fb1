/** Events that were recorded elsewhere before, brought into a log. */

export type { Audit } from "./adapters/audit.js";
export { type ManyOptions, type ManyProgress, recordMany } from "./many/many.js";
