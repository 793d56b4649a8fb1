/**
 * The entry `countersign/opentelemetry`: traces, and OpenTelemetry log records as events.
 *
 * @module
 */

export { type AuditLogOptions, AuditLogProcessor, type EmittedLog } from "./opentelemetry/log-processor.js";
export { activeSpan, type SpanIds, traced } from "./opentelemetry/trace.js";
export type { Audit } from "./record/audit.js";
