/**
 * The entry `countersign/issuer`: a server's key that grants and revokes emitters' keys.
 *
 * @module
 */

export type { LogServerOptions } from "./deliver/log-server.js";
export { CountersignError, type ErrorCode } from "./error.js";
export type { Authorized, Granted, GrantOptions, HandlerOptions, Noted, Revoked } from "./keys/handler.js";
export { createIssuer, type Issuer, type IssuerOptions } from "./keys/issuer.js";
