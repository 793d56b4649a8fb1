/** Audit logs that are emitted through OpenTelemetry, recorded and so signed. */

import { asLine, type CountersignError, coded, tell } from "../error.js";
import { ownOptions } from "../known.js";
import { field, ownFields } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import type { AuditEvent, EventInput } from "../record/event.js";
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
  toEvent?: ((event: AuditEvent, log: EmittedLog) => EventInput) | undefined;
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
    this.#audit = audit;
    this.#options = ownOptions(options, ["only", "toEvent", "onError"]);
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
      if (error.code === "event.invalid" && !this.#recordedAs(restOf(log, error))) {
        this.#recordedAs(minimalOf(log, error));
      }
    }
  }

  /** Has all that was emitted delivered. */
  async forceFlush(options: { timeoutMillis?: number } = {}): Promise<void> {
    const { timeoutMillis = PATIENCE } = ownFields(options, ["timeoutMillis"]);
    await this.#audit.flush({ retryForMs: timeoutMillis });
  }

  /** The same, at the end. */
  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  #recordedAs(event: AuditEvent): boolean {
    try {
      this.#audit.record(event);
      return true;
    } catch (cause) {
      this.#tell(asCoded(cause));
      return false;
    }
  }

  #tell(error: CountersignError): void {
    const { onError } = this.#options;
    const { report } = this.#audit as { report?: unknown };
    // Without one of its own, the recorder's.
    const others = typeof report === "function" ? (error: CountersignError) => report.call(this.#audit, error) : warn;
    tell(onError ?? others, error);
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
  const { attributes, severityNumber = 0, severityText, body, droppedAttributesCount } = log;
  const said = (name: (typeof TAKEN)[number]) => {
    const value = field(attributes, name);
    return isSaid(value) ? `${value}` : undefined;
  };
  const id = said("user.id") ?? said("enduser.id");
  const others = Object.entries(attributes).filter(([name]) => !isTaken(name, id !== undefined, attributes[name]));
  const failed = field(attributes, "error.type") !== undefined || severityNumber >= ERROR;
  return {
    action: actionOf(log),
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

/** All that was emitted, where it has no place but in `metadata`: what is made of it by itself, or by `toEvent`, is no event. */
function restOf(log: EmittedLog, { message, member }: CountersignError): AuditEvent {
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

/** That it was emitted, and nothing more. */
function minimalOf(log: EmittedLog, { message, member }: CountersignError): AuditEvent {
  return {
    action: actionOf(log),
    occurred_at: timeOf(log.hrTime),
    metadata: { countersign_problems: [{ field: member ?? "", problem: message, recorded: false }] },
  };
}

function actionOf({ eventName }: EmittedLog): string {
  return eventName || "opentelemetry.log";
}

/** Whether an attribute has its place outside of `metadata`: what names an actor has none without one. */
function isTaken(name: string, hasActor: boolean, value: unknown): boolean {
  const isOfActor = name === "user.name" || name === "session.id";
  return (TAKEN as readonly string[]).includes(name) && isSaid(value) && (hasActor || !isOfActor);
}

/** True for a value that a field of an event can have. An empty string says nothing, and stays with the other attributes. */
function isSaid(value: unknown): value is string | number {
  return (typeof value === "string" && value !== "") || typeof value === "number";
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
  const hint = "see the cause: is it `only` or `toEvent`?";
  return coded(error, "event.invalid", "what makes an event of a log record failed", hint);
}

function warn(error: CountersignError): void {
  console.warn(asLine(error, "a log record could not be recorded as it should: "));
}
