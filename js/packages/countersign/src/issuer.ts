/** A server's key that grants emitters' keys, and revokes them. */

export type { LogServerOptions } from "./deliver/log-server.js";
export { CountersignError, type ErrorCode } from "./error.js";
export type { Authorized, Granted, GrantOptions, HandlerOptions, Noted, Revoked } from "./keys/handler.js";
export { createIssuer, type Issuer, type IssuerOptions } from "./keys/issuer.js";
