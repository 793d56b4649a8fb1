/** Whatever answers a `Request` with a `Response`. */

export type { Audit } from "./adapters/audit.js";
export { auditFetch, type FetchHandler, type FetchOptions } from "./adapters/fetch.js";
export type { HttpOptions } from "./adapters/http-request.js";
