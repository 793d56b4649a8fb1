/**
 * The entry `countersign/nestjs`: the adapter for NestJS.
 *
 * @module
 */

export { AUDIT, AuditModule, type NestAsyncOptions, type NestModule, type NestOptions } from "./adapters/nestjs.js";
export type { Audit } from "./record/audit.js";
