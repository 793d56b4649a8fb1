/** Scopes: the actor, tenant, and request added to many events. */

import { asLine, CountersignError, refused } from "../error.js";
import { ownOptions } from "../known.js";
import { field, ownFields } from "../own.js";
import { type Audit, type FlushOptions, mustRecord, type Scope, type Status } from "./audit.js";
import type { AuditEvent, EventInput } from "./event.js";
import { actorOf, contextOf, copyOf, isFields, onBehalfOf, plainFields, tenantOf, toEvent } from "./fields.js";
import type { Handle } from "./handle.js";

/** A scope as fields of an event. */
export type EventScope = Pick<AuditEvent, "actor" | "on_behalf_of" | "tenant" | "context">;

const NAMES = ["actor", "on_behalf_of", "tenant", "request", "context"];

/** Reads a scope immediately, because its request may be gone when an event is recorded. */
export function eventScope(scope: Scope): EventScope {
  if (typeof scope !== "object" || scope === null) {
    throw refused(
      "with",
      "the scope must be an object",
      "pass any of { actor, on_behalf_of, tenant, request, context }",
    );
  }
  const { actor, on_behalf_of, tenant, request, context } = ownOptions(scope, NAMES, "with");
  const id = idOf(request);
  return {
    actor: actorOf(actor),
    on_behalf_of: onBehalfOf(on_behalf_of),
    tenant: tenantOf(tenant),
    context: merged(id === undefined ? undefined : { request_id: id }, contextOf(context)),
  };
}

function idOf(request: Scope["request"]): string | undefined {
  if (request === undefined || request === null || typeof request === "string") {
    return request ?? undefined;
  }
  const headers = field(request, "headers");
  if (typeof headers !== "object" || headers === null) {
    throw refused(
      "with.request",
      "`request` must be a request or its ID",
      "pass an object with `headers`, or the ID as a string",
    );
  }
  return requestId((name) => {
    const value: unknown =
      "get" in headers && typeof headers.get === "function" ? headers.get(name) : field(headers, name);
    return typeof value === "string" ? value : undefined;
  });
}

const FIELDS = ["actor", "on_behalf_of", "tenant", "context"] as const;

/** Combines two scopes. The inner one takes precedence. */
export function joined(outer: EventScope | undefined, inner: EventScope): EventScope {
  const [from, to] = [outer, inner].map((scope) => ownFields(scope ?? {}, FIELDS)) as [EventScope, EventScope];
  return {
    actor: to.actor ?? from.actor,
    // Another actor doesn't act for the same person.
    on_behalf_of: to.on_behalf_of ?? (to.actor === undefined ? from.on_behalf_of : undefined),
    tenant: to.tenant ?? from.tenant,
    context: merged(from.context, to.context),
  };
}

/** A recorder that adds a scope to events that don't have their own values. */
export class Scoped implements Audit {
  readonly #audit: Audit;
  readonly #fixed: EventScope;
  readonly #current: () => EventScope | undefined;

  /** `fixed` is added to each event. `current` returns more at the time at which an event is recorded. */
  constructor(audit: Audit, fixed: EventScope, current: () => EventScope | undefined = () => undefined) {
    mustRecord(audit);
    this.#audit = audit;
    this.#fixed = fixed;
    this.#current = current;
  }

  record(event: unknown, fields?: unknown): Handle {
    return this.#audit.record(completed(toEvent(event, fields) as AuditEvent, this.#scope));
  }

  recordJson(json: string | Uint8Array): Handle {
    return this.#audit.recordJson(completedText(json, this.#scope));
  }

  /** @internal Reports an error in recording with this recorder. */
  report(error: CountersignError): void {
    const { report } = this.#audit as { report?: unknown };
    if (typeof report === "function") {
      report.call(this.#audit, error);
    } else {
      console.warn(asLine(error));
    }
  }

  flush(options?: FlushOptions): Promise<void> {
    return this.#audit.flush(options);
  }

  status(): Status {
    return this.#audit.status();
  }

  with(scope: Scope): Audit;
  with<Result>(scope: Scope, work: (audit: Audit) => Result): Result;
  with<Result>(scope: Scope, work?: (audit: Audit) => Result): Audit | Result {
    const inner = joined(this.#fixed, eventScope(scope));
    return work === undefined ? new Scoped(this, inner) : this.#audit.with(inner, () => work(this));
  }

  get #scope(): EventScope {
    return joined(this.#current(), this.#fixed);
  }
}

/** A recorder with `with`. Only `asyncContext` carries scopes across asynchronous calls. */
export abstract class Scopable<Event = EventInput> {
  /** Returns a view of this recorder that adds the actor, tenant, and request to events that don't have their own. */
  with(scope: Scope): Audit<Event>;
  /** Throws `context.unavailable`: only recorders from `asyncContext` support this. */
  with<Result>(scope: Scope, work: (audit: Audit<Event>) => Result): Result;
  with(scope: Scope, work?: unknown): unknown {
    const fixed = eventScope(scope);
    if (work !== undefined) {
      throw new CountersignError("context.unavailable", "with(scope, work) needs a recorder from asyncContext", {
        member: "with",
        hint: "record with the result of audit.with({ … }), or wrap the recorder with asyncContext(audit)",
      });
    }
    return new Scoped(this as unknown as Audit, fixed);
  }
}

/**
 * Returns an event with the scope's values for fields that it doesn't have; `null` counts as absent. A value that isn't
 * an event is returned as it is, for `record` to reject.
 */
export function completed(event: AuditEvent, scope: EventScope | undefined): AuditEvent {
  if (scope === undefined || !isFields(event)) {
    return event;
  }
  const copy = copyOf(plainFields(event));
  const hasActor = isSet(copy, "actor");
  for (const name of FIELDS) {
    try {
      const value = Object.hasOwn(copy, name) ? (copy[name] ?? undefined) : undefined;
      // An event with `tenants` belongs to these.
      const isNamed = name === "tenant" && isSet(copy, "tenants");
      // An event with an actor of its own also says for whom that actor acts.
      const isOwn = name === "on_behalf_of" && hasActor;
      const added = isNamed || isOwn ? undefined : (field(scope, name) as EventScope[typeof name]);
      const whole =
        name === "context" && isFields(value) ? merged(added as EventScope["context"], contextOf(value)) : value;
      const completed = whole ?? added;
      if (completed !== undefined) {
        copy[name] = completed;
      }
    } catch {
      // The error occurs again in `record`, which reports it with its path.
    }
  }
  return copy as unknown as AuditEvent;
}

/** True if the event has the field, or the field can't be read. */
function isSet(event: object, name: string): boolean {
  try {
    return (field(event, name) ?? undefined) !== undefined;
  } catch {
    return true;
  }
}

/** Adds a scope to an event given as JSON text. Its own fields stay as they are; objects are not merged. */
export function completedText(json: string | Uint8Array, scope: EventScope | undefined): string | Uint8Array {
  if (scope === undefined) {
    return json;
  }
  try {
    const text =
      typeof json === "string" ? json : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    const event: unknown = JSON.parse(text);
    const isMissing = (name: string) => !Object.hasOwn(event as object, name);
    const missing = Object.entries(scope).filter(
      ([name]) => isMissing(name) && (name !== "on_behalf_of" || isMissing("actor")),
    );
    const added = JSON.stringify(Object.fromEntries(missing)).slice(1, -1);
    if (isFields(event) && added !== "") {
      return `${text.trimEnd().slice(0, -1)}${Object.keys(event).length === 0 ? "" : ","}${added}}`;
    }
  } catch {
    // The recorder reports invalid JSON.
  }
  return json;
}

/** Merges two objects. The inner one takes precedence. */
function merged<T extends object>(outer: T | undefined, inner: T | undefined): T | undefined {
  if (outer === undefined || inner === undefined) {
    return inner ?? outer;
  }
  const own = Object.entries(inner).filter(([, value]) => value !== undefined);
  return { ...outer, ...Object.fromEntries(own) };
}

/** Maximum length of an ID, in characters. */
const MAX_ID = 128;

/** Returns the ID that Cloudflare or another proxy gave a request. */
export function requestId(header: (name: string) => string | undefined): string | undefined {
  return asId(header("cf-ray") ?? header("x-request-id"));
}

/** Returns the ID, or undefined if it is too long or not printable: clients control the header. */
export function asId(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]+$/.test(text) && text.length <= MAX_ID ? text : undefined;
}
