/**
 * Records requests as `http.request`. By default, the event contains nothing that the client chose except the method
 * and the request ID header: no query, no headers, no bodies, and only the template of the path.
 */

import { CurrentRequest, outsideRequests } from "../context/request.js";
import { CountersignError, coded, consoleReporter, must } from "../error.js";
import {
  type Answer,
  type Decision,
  decided,
  type EventToBe,
  isPresent,
  MISSING,
  type Refusal,
  reasonFor,
  rejection,
} from "../gate/decision.js";
import type { DecisionContext, Gate } from "../gate/gate.js";
import { ownOptions } from "../known.js";
import { own, ownFields } from "../own.js";
import type { Audit, Scope } from "../record/audit.js";
import { pathShape } from "../record/core.js";
import type { Actor, AuditEvent, Context } from "../record/event.js";
import { actorOf, tenantOf } from "../record/fields.js";
import type { Recorder, RejectedListener } from "../record/recorder.js";
import { asId, type EventScope, eventScope, requestId as namedBy, Scoped } from "../record/scope.js";
import { mustBeNormalHost } from "./request-host.js";
import { parsePath } from "./request-path.js";

/**
 * Options for recording requests. Callbacks other than `ip` are called when the request is done, with the adapter's
 * request or context. `actor`, `tenant`, and `requestId` are also called for each event recorded within it.
 */
export interface HttpOptions<Source> {
  /**
   * Returns who made the request: an actor, or an actor's ID. Events recorded within the request use it unless they
   * have their own actor.
   *
   * @default undefined: requests have no actor
   * @example
   * ```ts
   * actor: (request) => request.user?.id
   * ```
   */
  actor?: ((source: Source) => Scope["actor"]) | undefined;
  /**
   * Returns the customer or organization whose data is affected. Also added to events recorded within the request.
   *
   * @default undefined: requests have no tenant
   * @example
   * ```ts
   * tenant: (request) => request.user?.organization
   * ```
   */
  tenant?: ((source: Source) => Scope["tenant"]) | undefined;
  /**
   * Selects the requests to record, such as `(request, { status }) => status >= 400`.
   *
   * @default all requests
   * @example
   * ```ts
   * only: (_, { status }) => status >= 400
   * ```
   */
  only?: ((source: Source, end: { readonly status: number }) => boolean) | undefined;
  /**
   * The path to record.
   *
   * - By default, the route's template, such as `/jobs/:id`, if the framework provides it, and `*` otherwise: actual
   *   paths may contain names, identifiers, and tokens.
   * - `"shape"`: the actual path with identifiers replaced, `/jobs/{number}`. Names remain.
   * - `"actual"`: the actual path, decoded. Use it if your paths contain no personal data.
   * - A function: returns the path.
   *
   * @default the route's template, or `*`
   * @example
   * ```ts
   * path: "shape"
   * ```
   */
  path?: "actual" | "shape" | ((source: Source) => string | undefined) | undefined;
  /**
   * Returns the ID of the request; `false` for none.
   *
   * @default the header `cf-ray` or `x-request-id`; in Lambda, the invocation's ID
   * @example
   * ```ts
   * requestId: (request) => request.id
   * ```
   */
  requestId?: ((source: Source) => string | undefined) | false | undefined;
  /**
   * Records the client's address. `true` uses the connection's address in Node.js and `cf-connecting-ip` in Workers.
   * Behind a proxy, pass a function that returns the address from the proxy, such as Express's `({ ip }) => ip` with
   * `trust proxy`; it is called when the request arrives.
   *
   * @default false
   * @example
   * ```ts
   * ip: ({ ip }) => ip // Express with `trust proxy`
   * ```
   */
  ip?: boolean | ((source: Source) => string | undefined) | undefined;
  /**
   * Records the header `user-agent`.
   *
   * @default false
   * @example
   * ```ts
   * userAgent: true
   * ```
   */
  userAgent?: boolean | undefined;
  /**
   * Records the requested host.
   *
   * @default false
   * @example
   * ```ts
   * host: true
   * ```
   */
  host?: boolean | undefined;
  /**
   * Decides whether a request is handled: a gate from `countersign/gate`. Refused requests are always recorded,
   * regardless of `only`. The gate is called when the request arrives, with the details known by then: the decoded path
   * unless `path` is a function, and the client's address and `user-agent` even if these are not recorded. A request
   * with an ambiguous path, such as `/x/..%2finternal`, is rejected with status 400.
   *
   * @default undefined: all requests are handled
   * @example
   * ```ts
   * gate: gate({ pack, fail: "closed" })
   * ```
   */
  gate?: Gate | undefined;
  /**
   * Called with errors in recording.
   *
   * @default `console.warn`, without repeating the same error code in a row
   * @example
   * ```ts
   * onError: ({ code, message }) => logger.error({ code }, message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** A request, as seen by an adapter. */
export interface RequestView {
  readonly method: string;
  /** The route's template, if known by the end of the request. */
  template?(): string | undefined;
  /** The path as the program reads it, without the query. */
  path(): string;
  /** A second path that the program may read, which must be allowed as well. */
  otherPath?(): string | undefined;
  /** Puts the path that the program gets into normal form, if the framework hasn't read it yet. */
  setPath?(): void;
  host(): string | undefined;
  /** A second host that the program may read, which must be allowed as well. */
  otherHost?(): string | undefined;
  /** Throws if no gate can judge the request. */
  check?(): void;
  /** The client's address. */
  ip(): string | undefined;
  header(name: string): string | undefined;
  /** The request's ID, if it isn't in a header. */
  readonly id?: string | undefined;
}

/** The outcome of a request. */
export interface End {
  readonly status: number;
  /** Reason for the failure, if the status doesn't show it. */
  readonly reason?: string | undefined;
  /** The gate's refusal, if it refused the request. */
  readonly refusal?: Refusal | undefined;
}

/** The response to a refused request, and the reason. */
export interface RefusedResponse extends Answer {
  readonly refusal: Refusal;
}

/** An adapter's functions for handling a request. */
export interface RequestHandling<Result> {
  /**
   * Handles the request. Events recorded with this audit have the request's actor, even where async context is
   * unavailable.
   */
  readonly answer: (audit: Audit) => Result | Promise<Result>;
  /** Returns the status of a result. */
  readonly statusOf: (result: Result) => number;
  /** Returns the result for a refused request. */
  readonly refusal: (refused: RefusedResponse) => Result;
  readonly decisionContext?: DecisionContext | undefined;
}

/**
 * Maximum length of recorded values that the client chose, in characters: more than Node.js accepts for all headers
 * together. Rules judge values of any length.
 */
const MAX_RECORDED = 16_384;

/** The path if none may be recorded. */
const ANY = "*";

const isFunction = (value: unknown) => typeof value === "function";
const isFlag = (value: unknown) => typeof value === "boolean";

/** The check of each option, and what to pass instead. */
const RULES: Readonly<Record<keyof HttpOptions<never>, readonly [(value: unknown) => boolean, string]>> = {
  actor: [isFunction, "a callback that returns the actor"],
  tenant: [isFunction, "a callback that returns the tenant"],
  only: [isFunction, "a callback that returns true for requests to record"],
  path: [(path) => path === "actual" || path === "shape" || isFunction(path), '"actual", "shape", or a callback'],
  requestId: [(id) => id === false || isFunction(id), "false, or a callback that returns the request ID"],
  ip: [(ip) => isFlag(ip) || isFunction(ip), "true, or a callback that returns the client's address"],
  userAgent: [isFlag, "true or false"],
  host: [isFlag, "true or false"],
  gate: [(gate) => isFunction((gate as Partial<Gate> | null)?.decide), "the result of gate from countersign/gate"],
  onError: [isFunction, "a callback that takes an error"],
};

export const HTTP_OPTIONS: readonly string[] = Object.keys(RULES);

/** Returns the recording for an adapter's option `http`; undefined if it is off. */
export function recordingOf<Source>(
  http: HttpOptions<Source> | boolean | undefined,
): HttpRecording<Source> | undefined {
  return http ? new HttpRecording(http === true ? {} : http) : undefined;
}

/** Records requests. Its errors are never thrown, because the response must not depend on them. */
export class HttpRecording<Source> {
  readonly #options: HttpOptions<Source>;
  readonly #warn = consoleReporter("a request could not be recorded completely: ");

  constructor(input: HttpOptions<Source> = {}) {
    const options = ownOptions(input, HTTP_OPTIONS);
    for (const [name, [isRight, hint]] of Object.entries(RULES)) {
      const value = options[name as keyof HttpOptions<Source>];
      must(value === undefined || isRight(value), name, `\`${name}\` is invalid`, `pass ${hint}`);
    }
    this.#options = options;
  }

  /** Starts recording a request. */
  begin(source: Source, input: RequestView) {
    const view = own(input);
    const began = performance.now();
    const { ip: chosen, gate } = this.#options;
    // Read now because Node.js forgets it when the connection ends. A framework may have no address, which only matters
    // if `ip` is set.
    const ip = chosen || gate ? this.#address(source, view, chosen ? MISSING : undefined) : undefined;
    let isDone = false;
    const current = new CurrentRequest(() => this.#scope(source, view));
    return {
      /** The request, as the context of events recorded within it. */
      current,
      /** Returns the response to send instead, if the gate refuses the request. */
      refuse: (decisionContext?: DecisionContext) =>
        gate && this.#refuse(gate, () => this.#pendingEvents(source, view, ip), decisionContext),
      /** Records the request once. */
      done: (audit: Audit, end: End) => {
        if (!isDone) {
          isDone = true;
          const latency = Math.max(0, Math.round(performance.now() - began));
          // The event already contains the actor known at this point, so no scope may add another.
          outsideRequests(() =>
            this.#record(audit, source, end, () =>
              this.#event(source, view, end, chosen && ip !== MISSING ? ip : undefined, latency),
            ),
          );
        }
      },
    };
  }

  /** Lets a request be handled or refuses it, and records it when there is a response. */
  async handle<Result>(
    audit: Audit,
    source: Source,
    view: RequestView,
    { answer, statusOf, refusal, decisionContext }: RequestHandling<Result>,
  ): Promise<Result> {
    const { current, refuse, done } = this.begin(source, view);
    const refusing = refuse(decisionContext);
    const refused = refusing instanceof Promise ? await refusing : refusing;
    if (refused !== undefined) {
      done(audit, refused);
      return refusal(refused);
    }
    let result: Result;
    try {
      result = await current.within(() => answer(scopedTo(audit, current)));
    } catch (error) {
      done(audit, { status: 500, reason: "the handler threw" });
      throw error;
    } finally {
      current.end();
    }
    done(audit, { status: statusOf(result) });
    return result;
  }

  /** Returns the values that the request adds to events recorded within it. */
  #scope(source: Source, view: RequestView): EventScope {
    const id = this.#requestId(source, view);
    const { actor, tenant } = this.#options;
    return {
      actor: actor && this.#try("actor", () => checkedActor(actor(source))),
      tenant: tenant && this.#try("tenant", () => checkedTenant(tenant(source))),
      context: id === undefined ? undefined : { request_id: id },
    };
  }

  #requestId(source: Source, view: RequestView): string | undefined {
    const { requestId } = this.#options;
    return requestId === false
      ? undefined
      : this.#try("requestId", () => (requestId ? asId(requestId(source)) : idOf(view)));
  }

  /** True if a gate decides on requests. */
  get isGated(): boolean {
    return this.#options.gate !== undefined;
  }

  #refuse(
    gate: Gate,
    pendingEvents: () => EventToBe[],
    decisionContext?: DecisionContext,
  ): RefusedResponse | undefined | Promise<RefusedResponse | undefined> {
    const refused = (decision: Decision): RefusedResponse | undefined =>
      decision.decision === "allow" ? undefined : { refusal: decision, ...gate.answer(decision) };
    let events: EventToBe[];
    try {
      events = pendingEvents();
    } catch (error) {
      if (!(error instanceof CountersignError)) {
        throw error;
      }
      return refused(rejection(error));
    }
    const [event, ...others] = events as [EventToBe, ...EventToBe[]];
    const decision = gate.decide(event, decisionContext, ...others);
    return decision instanceof Promise ? decision.then(refused) : refused(decision);
  }

  /**
   * Returns the event with the fields that are known before the request is handled, once for each way to read the
   * request. Throws if the request can't be judged, such as one with an ambiguous path.
   */
  #pendingEvents(source: Source, view: RequestView, ip: string | undefined): EventToBe[] {
    const { requestId, path: chosen } = this.#options;
    const { decoded } = parsePath(view.path());
    const other = view.otherPath?.();
    view.check?.();
    view.setPath?.();
    // The actual path if the callback returns none. A callback may return a name that is no path.
    const path = isFunction(chosen) ? this.#path(source, view) : undefined;
    const paths = new Set([(path?.startsWith("/") ? parsePath(path).decoded : path) || decoded]);
    if (other !== undefined) {
      paths.add(parsePath(other).decoded);
    }
    const host = this.#try("host", () => view.host(), MISSING) || MISSING;
    const otherHost = this.#try("host", () => view.otherHost?.(), MISSING);
    const hosts = new Set(otherHost === undefined ? [host] : [host, otherHost || MISSING]);
    for (const host of hosts) {
      if (isPresent(host)) {
        mustBeNormalHost(host);
      }
    }
    const event = {
      action: "http.request",
      ...this.#whose(source, MISSING),
      context: {
        ip,
        user_agent: view.header("user-agent"),
        request_id: requestId === undefined ? idOf(view) : undefined,
      },
    };
    // Routers answer HEAD with the handler of GET.
    const methods = view.method === "HEAD" ? ["HEAD", "GET"] : [view.method];
    return methods.flatMap((method) =>
      [...paths].flatMap((path) =>
        [...hosts].flatMap(spellings).map((host) => ({ ...event, http: { method, path, host } })),
      ),
    );
  }

  /** Returns the client's address. Dual-stack sockets show IPv4 addresses in IPv6 form, which no rule expects. */
  #address(source: Source, view: RequestView, otherwise: undefined): string | undefined {
    const { ip } = this.#options;
    return this.#try(
      "ip",
      () => (isFunction(ip) ? ip(source) : view.ip())?.replace(/^::ffff:(?=[\d.]+$)/i, "") || undefined,
      otherwise,
    );
  }

  /** Returns the actor and the tenant. */
  #whose(source: Source, otherwise?: undefined): Pick<AuditEvent, "actor" | "tenant"> {
    const { actor, tenant } = this.#options;
    // Some frameworks return an empty string for a missing header.
    const whose = this.#try("tenant", () => synchronous(tenant?.(source)) || undefined, otherwise);
    const who = this.#try("actor", () => synchronous(actor?.(source)) || undefined, otherwise);
    return { tenant: isPresent(whose) ? tenantOf(whose) : MISSING, actor: isPresent(who) ? actorOf(who) : MISSING };
  }

  #record(audit: Audit, source: Source, end: End, event: () => AuditEvent): void {
    const { status, refusal } = own(end);
    const { only } = this.#options;
    if (refusal !== undefined || (this.#try("only", () => only?.(source, { status })) ?? true)) {
      this.#recordOf(audit, event(), this.#whose(source));
    }
  }

  /** Records a request. Invalid values from callbacks are reported and omitted. */
  #recordOf(audit: Pick<Audit, "record">, event: AuditEvent, whose: Partial<AuditEvent>): void {
    const without: RejectedListener = (error, audit) => {
      this.#failed(error);
      if (error.code === "event.invalid" && Object.keys(whose).length > 0) {
        const [wrong = ""] = error.member?.split(".") ?? [];
        const rest = Object.entries(whose).filter(([name]) => wrong in whose && name !== wrong);
        this.#recordOf(audit, event, Object.fromEntries(rest));
      }
    };
    try {
      (audit as Pick<Recorder, "record">).record({ ...event, ...whose }, without);
    } catch (cause) {
      without(coded(cause, "recorder.failed", `the recorder failed: ${cause}`, "see the cause"), audit);
    }
  }

  #event(source: Source, view: RequestView, end: End, ip: string | undefined, latency: number): AuditEvent {
    const { status, refusal, reason = refusal && reasonFor(refusal) } = own(end);
    const host = this.#options.host === true ? this.#try("host", () => bounded(view.host())) : undefined;
    return {
      action: "http.request",
      outcome: refusal === undefined ? outcomeOf(status, reason) : "denied",
      reason,
      http: {
        method: bounded(view.method) ?? "",
        path: bounded(this.#path(source, view)) ?? ANY,
        status,
        host,
        latency_ms: latency,
      },
      context: this.#context(source, view, ip),
      ...(refusal === undefined ? {} : { countersign: decided(refusal) }),
    };
  }

  #path(source: Source, view: RequestView): string | undefined {
    const chosen = this.#options.path;
    const path = () => {
      switch (chosen) {
        case undefined:
          return view.template?.();
        case "shape":
          return pathShape(readablePath(view));
        case "actual":
          return readablePath(view);
        default:
          return chosen(source);
      }
    };
    return this.#try("path", () =>
      path()
        ?.replace(/[?#].*$/s, "")
        .toWellFormed(),
    );
  }

  #context(source: Source, view: RequestView, ip: string | undefined): Context | undefined {
    const { userAgent } = this.#options;
    const context: Context = {
      ip: bounded(ip),
      user_agent: userAgent === true ? bounded(view.header("user-agent")) : undefined,
      request_id: this.#requestId(source, view),
    };
    return Object.values(context).some((value) => value !== undefined) ? context : undefined;
  }

  #try<T>(member: keyof HttpOptions<Source>, work: () => T, otherwise?: undefined): T | undefined {
    try {
      return work();
    } catch (cause) {
      const hint = "see the cause; the request is recorded without this value";
      this.#failed(
        new CountersignError("options.invalid", `the callback \`${member}\` threw: ${cause}`, { member, hint, cause }),
      );
      return otherwise;
    }
  }

  #failed(error: CountersignError): void {
    const { onError } = this.#options;
    if (onError !== undefined) {
      try {
        onError(error);
      } catch {
        // There is no other way to report it.
      }
      return;
    }
    this.#warn(error);
  }
}

/** Returns a recorder for a request's handler. Events recorded with it have the request's actor. */
export function scopedTo(audit: Audit, request: CurrentRequest): Audit {
  return new Scoped(audit, {}, () => request.own());
}

/** Handles a request and adds its ID, the only known detail, to events recorded within it. */
export async function handled<Answer>(
  audit: Audit,
  request: Scope["request"],
  handle: (audit: Audit) => Answer | Promise<Answer>,
): Promise<Answer> {
  const fixed = eventScope({ request });
  const current = new CurrentRequest(() => fixed);
  try {
    return await current.within(() => handle(scopedTo(audit, current)));
  } finally {
    current.end();
  }
}

/** Returns the value. Throws for a promise, which has no value yet. */
function synchronous<T>(value: T): T {
  if (typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function") {
    throw new TypeError("it must return a value synchronously, not a promise");
  }
  return value;
}

/** Returns a valid actor. An invalid one from a callback must not keep events from being recorded. */
function checkedActor(input: unknown): Actor | undefined {
  const actor = actorOf(input || undefined);
  const isText = (value: unknown) => value === undefined || (typeof value === "string" && value !== "");
  const { id, type, name, session, credential } = ownFields(Object(actor), [
    "id",
    "type",
    "name",
    "session",
    "credential",
  ]) as Partial<Actor>;
  const isActor = typeof id === "string" && [id, name, session, credential].every(isText);
  const isKnown = type === undefined || ["user", "service", "agent", "anonymous"].includes(type);
  if (actor !== undefined && !(isActor && isKnown)) {
    throw new TypeError("actor must return an actor's id, or { id, type, name, session, credential }");
  }
  return actor;
}

function checkedTenant(input: unknown): string | undefined {
  const tenant = tenantOf(input || undefined);
  if (tenant !== undefined && typeof tenant !== "string") {
    throw new TypeError("tenant must return a string");
  }
  return tenant;
}

function idOf({ id, header }: RequestView): string | undefined {
  return id ?? namedBy(header);
}

/** Returns text to record. */
function bounded(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text.slice(0, MAX_RECORDED).toWellFormed();
}

/** Returns the path that rules judge; an ambiguous one as it was requested. */
function readablePath(view: RequestView): string {
  const path = view.path();
  try {
    return parsePath(path).decoded;
  } catch {
    return path;
  }
}

/** Returns a host as requested, and without the final dot of an absolute name, which names the same host. */
function spellings(host: string | undefined): (string | undefined)[] {
  const relative = isPresent(host) ? host?.replace(/\.(?=(?::\d+)?$)/, "") : host;
  return relative === host ? [host] : [host, relative];
}

/** Returns the outcome: 401 and 403 are denials, other errors are failures. */
function outcomeOf(status: number, reason: string | undefined): AuditEvent["outcome"] {
  if (status === 401 || status === 403) {
    return "denied";
  }
  return status >= 400 || reason !== undefined ? "failure" : "success";
}
