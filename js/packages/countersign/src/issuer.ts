/** The entry `countersign/issuer`: a server's key that grants and revokes emitters' keys. */

export type { CollectorOptions } from "./deliver/collector.js";
export { CountersignError, type ErrorCode } from "./error.js";
export type { Authorised, Granted, GrantOptions, HandlerOptions, Noted, Revoked } from "./keys/handler.js";
export { createIssuer, type Issuer, type IssuerOptions } from "./keys/issuer.js";
