/** Records audit events that are emitted as OpenTelemetry logs. */

import { asLine, type CountersignError, callOnError, coded } from "../error.js";
import { ownOptions } from "../known.js";
import { field, ownFields } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import type { AuditEvent, EventInput } from "../record/event.js";
import { type SpanIds, traceContext } from "./trace.js";

/** The parts of a log record of `@opentelemetry/sdk-logs` that are used. */
export interface EmittedLog {
  readonly hrTime: readonly [seconds: number, nanoseconds: number];
  readonly spanContext?: SpanIds | undefined;
  readonly instrumentationScope: { readonly name: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly severityText?: string | undefined;
  readonly severityNumber?: number | undefined;
  readonly body?: unknown;
  readonly eventName?: string | undefined;
  readonly droppedAttributesCount: number;
}

/** Options of `AuditLogProcessor`. */
export interface AuditLogOptions {
  /**
   * Selects the log records to record.
   *
   * @default those with an `eventName`
   * @example
   * ```ts
   * only: ({ instrumentationScope }) => instrumentationScope.name === "audit"
   * ```
   */
  only?: ((log: EmittedLog) => boolean) | undefined;
  /**
   * Returns the event to record instead of the converted one.
   *
   * @default undefined: the converted event is recorded
   * @example
   * ```ts
   * toEvent: (event) => ({ ...event, tenant: "acme" })
   * ```
   */
  toEvent?: ((event: AuditEvent, log: EmittedLog) => EventInput) | undefined;
  /**
   * Called with errors in recording.
   *
   * @default the recorder's `onError`, or `console.warn` if it has none
   * @example
   * ```ts
   * onError: ({ code, message }) => console.error(code, message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** Severity numbers from this one on are errors. */
const MIN_ERROR_SEVERITY = 17;
/** Milliseconds to retry a flush by default. */
const FLUSH_TIMEOUT_MS = 30_000;

/**
 * A `LogRecordProcessor` that records log records as audit events.
 *
 * The event's action is `eventName`; its actor is `user.id` (or `enduser.id`), `user.name`, and `session.id`; its
 * context is `client.address`, `user_agent.original`, and the span. A record with `error.type` or an error severity is
 * a failure. Everything else becomes `metadata`. The processor does not close the recorder.
 *
 * @example
 * ```ts
 * new LoggerProvider({ processors: [new AuditLogProcessor(audit)] });
 * ```
 */
export class AuditLogProcessor {
  readonly #audit: Pick<Audit, "record" | "flush">;
  readonly #options: AuditLogOptions;

  constructor(audit: Pick<Audit, "record" | "flush">, options: AuditLogOptions = {}) {
    mustRecord(audit);
    this.#audit = audit;
    this.#options = ownOptions(options, ["only", "toEvent", "onError"]);
  }

  /** Records a log record. Never throws. */
  onEmit(log: EmittedLog): void {
    const { only = ({ eventName }) => eventName !== undefined && eventName !== "", toEvent } = this.#options;
    let event: AuditEvent | undefined;
    try {
      if (!only(log)) {
        return;
      }
      event = eventOf(log);
      this.#audit.record(toEvent === undefined ? event : toEvent(event, log));
    } catch (cause) {
      const error = asCoded(cause);
      this.#report(error);
      if (error.code === "event.invalid" && !this.#tryRecord(fallbackEvent(log, error))) {
        this.#tryRecord(minimalEvent(log, error));
      }
    }
  }

  /** Delivers all recorded events. */
  async forceFlush(options: { timeoutMillis?: number } = {}): Promise<void> {
    const { timeoutMillis = FLUSH_TIMEOUT_MS } = ownFields(options, ["timeoutMillis"]);
    await this.#audit.flush({ retryForMs: timeoutMillis });
  }

  /** Delivers all recorded events, at shutdown. */
  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  #tryRecord(event: AuditEvent): boolean {
    try {
      this.#audit.record(event);
      return true;
    } catch (cause) {
      this.#report(asCoded(cause));
      return false;
    }
  }

  #report(error: CountersignError): void {
    const { onError } = this.#options;
    const { report } = this.#audit as { report?: unknown };
    // Defaults to the recorder's `onError`.
    const ofRecorder =
      typeof report === "function" ? (error: CountersignError) => report.call(this.#audit, error) : warn;
    callOnError(onError ?? ofRecorder, error);
  }
}

/** Attributes that become fields of an event, named by OpenTelemetry's semantic conventions. */
const MAPPED = [
  "user.id",
  "enduser.id",
  "user.name",
  "session.id",
  "client.address",
  "user_agent.original",
  "error.type",
] as const;

function eventOf(log: EmittedLog): AuditEvent {
  const { attributes, severityNumber = 0, severityText, body, droppedAttributesCount } = log;
  const text = (name: (typeof MAPPED)[number]) => {
    const value = field(attributes, name);
    return isMappable(value) ? `${value}` : undefined;
  };
  const id = text("user.id") ?? text("enduser.id");
  const others = Object.entries(attributes).filter(([name]) => !isMapped(name, id !== undefined, attributes[name]));
  const failed = field(attributes, "error.type") !== undefined || severityNumber >= MIN_ERROR_SEVERITY;
  return {
    action: actionOf(log),
    actor: id === undefined ? undefined : { id, name: text("user.name"), session: text("session.id") },
    outcome: failed ? "failure" : undefined,
    reason: text("error.type"),
    occurred_at: timeOf(log.hrTime),
    context: definedOf({
      ip: text("client.address"),
      user_agent: text("user_agent.original"),
      ...traceContext(log.spanContext),
    }),
    metadata: definedOf({
      ...Object.fromEntries(others.map(([name, value]) => [name, plain(value)])),
      body: plain(body),
      severity: severityText,
      scope: log.instrumentationScope.name,
      dropped_attributes: droppedAttributesCount === 0 ? undefined : droppedAttributesCount,
    }),
  };
}

/**
 * Returns an event with the whole log record in `metadata`, used if the converted event, or that of `toEvent`, is
 * invalid.
 */
function fallbackEvent(log: EmittedLog, { message, member }: CountersignError): AuditEvent {
  const { attributes, severityText, body, instrumentationScope } = log;
  return {
    action: actionOf(log),
    occurred_at: timeOf(log.hrTime),
    metadata: {
      ...(plain(attributes) as object),
      body: plain(body),
      severity: severityText,
      scope: instrumentationScope.name,
      countersign_problems: [{ field: member ?? "", problem: message, recorded: true }],
    },
  };
}

/** Returns an event that only says that something was logged. */
function minimalEvent(log: EmittedLog, { message, member }: CountersignError): AuditEvent {
  return {
    action: actionOf(log),
    occurred_at: timeOf(log.hrTime),
    metadata: { countersign_problems: [{ field: member ?? "", problem: message, recorded: false }] },
  };
}

function actionOf({ eventName }: EmittedLog): string {
  return eventName || "opentelemetry.log";
}

/** True if an attribute has its own field in the event. Attributes of an actor have none without an actor ID. */
function isMapped(name: string, hasActor: boolean, value: unknown): boolean {
  const isOfActor = name === "user.name" || name === "session.id";
  return (MAPPED as readonly string[]).includes(name) && isMappable(value) && (hasActor || !isOfActor);
}

/** True if the value fits a field of an event. Empty strings stay in `metadata`. */
function isMappable(value: unknown): value is string | number {
  return (typeof value === "string" && value !== "") || typeof value === "number";
}

function timeOf([seconds, nanoseconds]: EmittedLog["hrTime"]): Date {
  return new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6));
}

/** Converts a value to JSON; values without a JSON form become strings. */
function plain(value: unknown, level = 0): unknown {
  if (value instanceof Uint8Array) {
    return btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(""));
  }
  // Numbers that an event can't contain: infinities, NaN, and whole numbers too large to be exact.
  if (typeof value === "bigint" || (typeof value === "number" && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER))) {
    return `${value}`;
  }
  if (typeof value === "function" || typeof value === "symbol") {
    return `[${typeof value}]`;
  }
  if (typeof value !== "object" || value === null || level > 60) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((one) => (one === undefined ? null : plain(one, level + 1)));
  }
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one, level + 1)]));
}

function definedOf<T extends object>(members: T): T | undefined {
  return Object.values(members).some((value) => value !== undefined) ? members : undefined;
}

function asCoded(error: unknown): CountersignError {
  const hint = "see the cause, and check `only` and `toEvent`";
  return coded(error, "event.invalid", "converting a log record to an event failed", hint);
}

function warn(error: CountersignError): void {
  console.warn(asLine(error, "a log record could not be recorded completely: "));
}
