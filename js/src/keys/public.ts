/** What every entry for issuers gives beside `createIssuer`. */

export type { CollectorOptions } from "../deliver/collector.js";
export { CountersignError, type ErrorCode } from "../error.js";
export type { Authorised, HandlerOptions } from "./handler.js";
export type { Granted, GrantOptions, Issuer, IssuerOptions, Noted, Revoked } from "./issuer.js";
