/** Programs that use OpenTelemetry. */

export type { Audit } from "./adapters/audit.js";
export { activeSpan, type SpanIds, traced } from "./opentelemetry/trace.js";
