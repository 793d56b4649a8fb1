/** SvelteKit. */

export type { Audit } from "./adapters/audit.js";
export type { HttpOptions } from "./adapters/http-request.js";
export { auditHandle, type SvelteKitEvent, type SvelteKitLocals } from "./adapters/sveltekit.js";
