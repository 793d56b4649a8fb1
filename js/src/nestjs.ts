/** NestJS. */

export { AUDIT, AuditModule, type NestAuditOptions, type NestModule } from "./adapters/nestjs.js";
export type { Audit } from "./record/audit.js";
