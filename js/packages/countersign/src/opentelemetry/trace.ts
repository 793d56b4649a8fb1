/** The active trace and span, added to events. */

import type { Audit } from "../record/audit.js";
import type { Context, EventInput } from "../record/event.js";
import { Scoped } from "../record/scope.js";

/** The parts of OpenTelemetry's `SpanContext` that are used. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** The global key of `@opentelemetry/api` in all versions since 1.0, by which its copies find each other. */
const API = Symbol.for("opentelemetry.js.api.1");
/** The context key of the active span. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/**
 * Returns the IDs of the active span of the program's own `@opentelemetry/api`; undefined if there is none. Uses the
 * global keys that copies of the API share, so that nothing is imported and bundlers add no second copy.
 */
export function activeSpan(): SpanIds | undefined {
  const api = (globalThis as { [API]?: { context?: { active?: () => { getValue(key: symbol): unknown } } } })[API];
  const span = api?.context?.active?.()?.getValue(SPAN) as { spanContext?: () => SpanIds } | undefined;
  return span?.spanContext?.();
}

/** Returns the context fields of a span; undefined for invalid IDs, such as those of a non-recording span. */
export function traceContext(ids: SpanIds | undefined): Context | undefined {
  const { traceId, spanId } = ids ?? {};
  const isValid =
    typeof traceId === "string" &&
    typeof spanId === "string" &&
    /^(?!0+$)[0-9a-f]{32}$/.test(traceId) &&
    /^(?!0+$)[0-9a-f]{16}$/.test(spanId);
  return isValid ? { trace_id: traceId, span_id: spanId } : undefined;
}

/**
 * Returns a view of the recorder that adds the active span's `trace_id` and `span_id` to each event's `context`.
 * `spanOf` returns the span, by default that of the program's `@opentelemetry/api`. If it throws, the event is recorded
 * without a span.
 *
 * @example
 * ```ts
 * const audit = traced(recorder);
 * ```
 */
export function traced<Event = EventInput>(
  audit: Audit<Event>,
  spanOf: () => SpanIds | undefined = activeSpan,
): Audit<Event> {
  const now = () => {
    const context = traceContext(guarded(spanOf));
    return context === undefined ? undefined : { context };
  };
  return new Scoped(audit as unknown as Audit, {}, now) as unknown as Audit<Event>;
}

/** Calls a function whose failure must not keep events from being recorded. */
function guarded<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
