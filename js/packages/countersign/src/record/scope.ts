/** Who acts, for whom and by which request, said once for many events. */

import { asLine, CountersignError, refused } from "../error.js";
import { ownOptions } from "../known.js";
import { field, ownFields } from "../own.js";
import { type Audit, type FlushOptions, mustRecord, type Scope, type Status } from "./audit.js";
import type { AuditEvent, EventInput } from "./event.js";
import { actorOf, contextOf, copyOf, isFields, plainFields, tenantOf } from "./fields.js";
import type { Handle } from "./handle.js";

/** The same as members of an event. */
export type Said = Pick<AuditEvent, "actor" | "tenant" | "context">;

/** Reads a scope, now: a request may be gone when an event is recorded. */
export function said(scope: Scope): Said {
  if (typeof scope !== "object" || scope === null) {
    throw refused("with", "no members by their names", "give { actor, tenant, request }, any of them");
  }
  const { actor, tenant, request, context } = ownOptions(scope, ["actor", "tenant", "request", "context"], "with");
  const id = idOf(request);
  return {
    actor: actorOf(actor),
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
    throw refused("with.request", "neither a request nor its name", "give what has headers, or the name itself");
  }
  return requestId((name) => {
    const value: unknown =
      "get" in headers && typeof headers.get === "function" ? headers.get(name) : field(headers, name);
    return typeof value === "string" ? value : undefined;
  });
}

/** What either says, the inner one where both do. */
export function joined(outer: Said | undefined, inner: Said): Said {
  const [from, to] = [outer, inner].map((said) => ownFields(said ?? {}, ["actor", "tenant", "context"])) as [
    Said,
    Said,
  ];
  return {
    actor: to.actor ?? from.actor,
    tenant: to.tenant ?? from.tenant,
    context: merged(from.context, to.context),
  };
}

/** Adds to each event what it does not say itself. */
export class Scoped implements Audit {
  readonly #audit: Audit;
  readonly #fixed: Said;
  readonly #now: () => Said | undefined;

  /** `fixed` is said of each event, and `now` gives more at the moment at which one is recorded. */
  constructor(audit: Audit, fixed: Said, now: () => Said | undefined = () => undefined) {
    mustRecord(audit);
    this.#audit = audit;
    this.#fixed = fixed;
    this.#now = now;
  }

  record(event: AuditEvent): Handle {
    return this.#audit.record(completed(event, this.#said));
  }

  recordJson(json: string | Uint8Array): Handle {
    return this.#audit.recordJson(completedText(json, this.#said));
  }

  /** @internal Reports what somebody else met who records with this. */
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
    const inner = joined(this.#fixed, said(scope));
    return work === undefined ? new Scoped(this, inner) : this.#audit.with(inner, () => work(this));
  }

  get #said(): Said {
    return joined(this.#now(), this.#fixed);
  }
}

/** What can be had with a scope. `asyncContext` follows async calls. */
export abstract class Scopable<Event = EventInput> {
  /** The same recorder, which adds to each event who acts, for whom and by which request, where the event does not say it. */
  with(scope: Scope): Audit<Event>;
  /** Throws `context.unavailable`: only what `asyncContext` returns follows what is called. */
  with<Result>(scope: Scope, work: (audit: Audit<Event>) => Result): Result;
  with(scope: Scope, work?: unknown): unknown {
    const fixed = said(scope);
    if (work !== undefined) {
      throw new CountersignError("context.unavailable", "nothing here follows what is called and waited for", {
        member: "with",
        hint: "record with what audit.with({ … }) gives, or wrap the recorder: asyncContext(audit)",
      });
    }
    return new Scoped(this as unknown as Audit, fixed);
  }
}

/**
 * Returns an event with what it does not say itself. `null` counts as absent. What is no event is left for `record` to
 * refuse.
 */
export function completed(event: AuditEvent, more: Said | undefined): AuditEvent {
  if (more === undefined || !isFields(event)) {
    return event;
  }
  const made = copyOf(plainFields(event));
  for (const name of ["actor", "tenant", "context"] as const) {
    try {
      const value = Object.hasOwn(made, name) ? (made[name] ?? undefined) : undefined;
      const said = field(more, name) as Said[typeof name];
      const whole = name === "context" && isFields(value) ? merged(said as Said["context"], contextOf(value)) : value;
      const completed = whole ?? said;
      if (completed !== undefined) {
        made[name] = completed;
      }
    } catch {
      // What throws when it is read does so again, and is named.
    }
  }
  return made as unknown as AuditEvent;
}

/** The same of a text, whose own members stay as they are written; one that it has is not gone into. */
export function completedText(json: string | Uint8Array, more: Said | undefined): string | Uint8Array {
  if (more === undefined) {
    return json;
  }
  try {
    const text =
      typeof json === "string" ? json : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    const event: unknown = JSON.parse(text);
    const missing = Object.entries(more).filter(([name]) => !Object.hasOwn(event as object, name));
    const added = JSON.stringify(Object.fromEntries(missing)).slice(1, -1);
    if (isFields(event) && added !== "") {
      return `${text.trimEnd().slice(0, -1)}${Object.keys(event).length === 0 ? "" : ","}${added}}`;
    }
  } catch {
    // The recorder says what is wrong with it.
  }
  return json;
}

/** Members of both, of the inner one where it has them. */
function merged<T extends object>(outer: T | undefined, inner: T | undefined): T | undefined {
  if (outer === undefined || inner === undefined) {
    return inner ?? outer;
  }
  const own = Object.entries(inner).filter(([, value]) => value !== undefined);
  return { ...outer, ...Object.fromEntries(own) };
}

/** The most characters of a name. */
const MOST = 128;

/** What names a request that came through Cloudflare, or through a proxy that names requests. */
export function requestId(header: (name: string) => string | undefined): string | undefined {
  return asId(header("cf-ray") ?? header("x-request-id"));
}

/** A client can write what it likes there. */
export function asId(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]+$/.test(text) && text.length <= MOST ? text : undefined;
}
