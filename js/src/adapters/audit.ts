/** What a handler records with. */

export type { Audit } from "../record/audit.js";
