/** NestJS. */

export type { Audit } from "./adapters/audit.js";
export { AUDIT, AuditModule, type NestAuditOptions, type NestModule } from "./adapters/nestjs.js";
