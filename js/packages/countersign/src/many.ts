/** Events that were recorded elsewhere before, brought into a log. */

export { type ManyOptions, type ManyProgress, recordMany } from "./many/many.js";
export type { Audit } from "./record/audit.js";
