/** Audit logs that are emitted through OpenTelemetry, recorded and so signed. */

import { asLine, type CountersignError, coded, tell } from "../error.js";
import { refuseUnknown } from "../known.js";
import { type Audit, mustRecord } from "../record/audit.js";
import type { AuditEvent } from "../record/event.js";
import { type SpanIds, traceContext } from "./trace.js";

/** What is needed of a log record of `@opentelemetry/sdk-logs`. */
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

/** Which log records are recorded, and as what. */
export interface AuditLogOptions {
  /** Which are. By default those that have an `eventName`. */
  only?: ((log: EmittedLog) => boolean) | undefined;
  /** Gives the event to record in the place of what is made of a record by itself. */
  toEvent?: ((event: AuditEvent, log: EmittedLog) => AuditEvent) | undefined;
  /** Told of what could not be recorded as it should. By default it is a warning on the console. */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** From this severity number on a record is an error. */
const ERROR = 17;
/** How long a flush goes on trying where nobody says it. */
const PATIENCE = 30_000;

/**
 * A `LogRecordProcessor` that records what is emitted:
 *
 *     new LoggerProvider({ processors: [new AuditLogProcessor(audit)] });
 *
 * Of a record `eventName` is the action; `user.id` (or `enduser.id`), `user.name` and `session.id` are the actor,
 * `client.address` and `user_agent.original` the context, beside the span; a failure is what has `error.type` or the
 * severity of an error. All else is in `metadata`. The recorder is the program's to close.
 */
export class AuditLogProcessor {
  readonly #audit: Pick<Audit, "record" | "flush">;
  readonly #options: AuditLogOptions;

  constructor(audit: Pick<Audit, "record" | "flush">, options: AuditLogOptions = {}) {
    mustRecord(audit);
    refuseUnknown(options, ["only", "toEvent", "onError"]);
    this.#audit = audit;
    this.#options = options;
  }

  /** Records a log record, at once. What emits it is never thrown at. */
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
      this.#tell(error);
      if (error.code === "event.invalid") {
        this.#recordPlain(log, error);
      }
    }
  }

  /** Has all that was emitted delivered. */
  async forceFlush({ timeoutMillis = PATIENCE }: { timeoutMillis?: number } = {}): Promise<void> {
    await this.#audit.flush({ patience: timeoutMillis });
  }

  /** The same, at the end. */
  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  /** That it was emitted is recorded all the same. */
  #recordPlain({ eventName, hrTime }: EmittedLog, { code, member }: CountersignError): void {
    try {
      this.#audit.record({
        action: eventName || "opentelemetry.log",
        occurred_at: timeOf(hrTime),
        metadata: { left_out: "what was emitted is not an event", code, member },
      });
    } catch (cause) {
      this.#tell(asCoded(cause));
    }
  }

  #tell(error: CountersignError): void {
    tell(this.#options.onError ?? warn, error);
  }
}

/** What is taken out of attributes, by the names of OpenTelemetry's semantic conventions. */
const TAKEN = [
  "user.id",
  "enduser.id",
  "user.name",
  "session.id",
  "client.address",
  "user_agent.original",
  "error.type",
] as const;

function eventOf(log: EmittedLog): AuditEvent {
  const { attributes, severityNumber = 0, severityText, body, eventName, droppedAttributesCount } = log;
  const said = (name: (typeof TAKEN)[number]) => {
    const value = attributes[name];
    return typeof value === "string" || typeof value === "number" ? `${value}` : undefined;
  };
  const id = said("user.id") ?? said("enduser.id");
  const others = Object.entries(attributes).filter(([name]) => !isTaken(name, id !== undefined, attributes[name]));
  const failed = attributes["error.type"] !== undefined || severityNumber >= ERROR;
  return {
    action: eventName || "opentelemetry.log",
    actor: id === undefined ? undefined : { id, name: said("user.name"), session: said("session.id") },
    outcome: failed ? "failure" : undefined,
    reason: said("error.type"),
    occurred_at: timeOf(log.hrTime),
    context: definedOf({
      ip: said("client.address"),
      user_agent: said("user_agent.original"),
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

/** Whether an attribute has its place outside of `metadata`: what names an actor has none without one. */
function isTaken(name: string, hasActor: boolean, value: unknown): boolean {
  const isSaid = typeof value === "string" || typeof value === "number";
  const isOfActor = name === "user.name" || name === "session.id";
  return (TAKEN as readonly string[]).includes(name) && isSaid && (hasActor || !isOfActor);
}

function timeOf([seconds, nanoseconds]: EmittedLog["hrTime"]): Date {
  return new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6));
}

/** A value of OpenTelemetry's as JSON has it; what JSON has no form for is text. */
function plain(value: unknown, level = 0): unknown {
  if (value instanceof Uint8Array) {
    return btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(""));
  }
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) {
    return `${value}`;
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
  const hint = "see the cause: is it `only` or `toEvent`?";
  return coded(error, "event.invalid", "what makes an event of a log record failed", hint);
}

function warn(error: CountersignError): void {
  console.warn(asLine(error, "a log record could not be recorded as it should: "));
}
