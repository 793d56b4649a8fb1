/** The trace and the span within which an event is recorded. */

import type { Audit } from "../record/audit.js";
import type { Context, EventInput } from "../record/event.js";
import { Scoped } from "../record/scope.js";

/** What is needed of OpenTelemetry's `SpanContext`. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** How `@opentelemetry/api` names itself in every version since 1.0, so that its copies find each other. */
const API = Symbol.for("opentelemetry.js.api.1");
/** And the span in a context. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/**
 * The active span's, as the program's own `@opentelemetry/api` has it: asked for by the names that its copies share, so
 * that nothing is imported and no bundler brings a second copy along. Nothing, where there is no span or no such API.
 */
export function activeSpan(): SpanIds | undefined {
  const api = (globalThis as { [API]?: { context?: { active?: () => { getValue(key: symbol): unknown } } } })[API];
  const span = api?.context?.active?.()?.getValue(SPAN) as { spanContext?: () => SpanIds } | undefined;
  return span?.spanContext?.();
}

/** The members of an event's context; nothing for identifiers that are none, as a span has that is not recorded. */
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
 * The same recorder, which adds the active span's `trace_id` and `span_id` to each event's `context`. `spanOf` says
 * which span that is, where it is not that of the program's `@opentelemetry/api`; an event is recorded without it where
 * that throws.
 *
 *     const audit = traced(recorder);
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

/** What traces a program must not keep it from recording. */
function guarded<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
