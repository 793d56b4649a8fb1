/**
 * The entry `countersign/sveltekit`: the adapter for SvelteKit.
 *
 * @module
 */

export type { HttpOptions } from "./adapters/http-request.js";
export { auditHandle, type SvelteKitEvent, type SvelteKitLocals } from "./adapters/sveltekit.js";
export type { Audit } from "./record/audit.js";
