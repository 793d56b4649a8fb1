/** Whatever answers a `Request` with a `Response`. */

export { auditFetch, type FetchHandler, type FetchOptions } from "./adapters/fetch.js";
export type { HttpOptions } from "./adapters/http-request.js";
export type { Audit } from "./record/audit.js";
