/** Programs that use OpenTelemetry. */

export type { Audit } from "./adapters/audit.js";
export { type AuditLogOptions, AuditLogProcessor, type EmittedLog } from "./opentelemetry/log-processor.js";
export { activeSpan, type SpanIds, traced } from "./opentelemetry/trace.js";
