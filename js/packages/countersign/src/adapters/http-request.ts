/**
 * Recording a request as `http.request`. What is recorded by itself holds nothing of what the client chose but the
 * method, and a header that names the request: no query, no headers, no bodies, and of the path the template only.
 */

import { CurrentRequest, outsideRequests } from "../context/request.js";
import { CountersignError, coded, must, teller } from "../error.js";
import { type Answer, type Decision, decided, type EventToBe, type Refusal } from "../gate/decision.js";
import type { Asking, Gate } from "../gate/gate.js";
import { ownOptions } from "../known.js";
import { own, ownFields } from "../own.js";
import type { Audit, Scope } from "../record/audit.js";
import { pathShape } from "../record/core.js";
import type { Actor, AuditEvent, Context } from "../record/event.js";
import { actorOf, tenantOf } from "../record/fields.js";
import type { Otherwise, Recorder } from "../record/recorder.js";
import { asId, requestId as namedBy, type Said, Scoped, said } from "../record/scope.js";

/**
 * What to record of requests. The callbacks but `ip` are called when the request is done, with what the adapter has of it;
 * `actor`, `tenant` and `requestId` also for each event that is recorded within it.
 */
export interface HttpOptions<Source> {
  /** Who asked: an actor, or an actor's id. It is in each event recorded within the request that names no actor itself. */
  actor?: ((source: Source) => Scope["actor"]) | undefined;
  /** Whose data it is about; in each of these events, too. */
  tenant?: ((source: Source) => Scope["tenant"]) | undefined;
  /** Whether a request is recorded: `({ status }) => …`, or by its path. By default all are. */
  only?: ((source: Source, end: { readonly status: number }) => boolean) | undefined;
  /**
   * The path to record. By default the template of the route, such as `/jobs/:id`, where the framework tells it, and `*`
   * where not: paths hold names, identifiers and tokens. `"shape"` records the actual path with what is an identifier
   * replaced, `/jobs/{number}`: names stay. `"actual"` says that yours hold none of that.
   */
  path?: "actual" | "shape" | ((source: Source) => string | undefined) | undefined;
  /** What names the request. By default its header `cf-ray` or `x-request-id`, in Lambda the invocation; `false` for nothing. */
  requestId?: ((source: Source) => string | undefined) | false | undefined;
  /**
   * The client's address: `true` for that of the connection, where the adapter is told it: by Node.js, and by Cloudflare
   * as `cf-connecting-ip`. Behind a proxy that is the proxy's, and a function gives what the proxy said, such as Express's
   * `({ ip }) => ip` with `trust proxy`; it is called when the request comes. By default no address is recorded.
   */
  ip?: boolean | ((source: Source) => string | undefined) | undefined;
  /** Whether the header `user-agent` is recorded. */
  userAgent?: boolean | undefined;
  /** Whether the host that was asked is recorded. */
  host?: boolean | undefined;
  /**
   * Decides whether a request is answered, as `gate` of `countersign/gate` makes it. What it refuses is recorded, whatever
   * `only` says. It is asked when the request comes, of what is known by then: of the path itself where that is not
   * given by `path`, and of the client's address and its `user-agent` even where these are not recorded.
   */
  gate?: Gate | undefined;
  /** Told of what could not be recorded. By default it is a warning on the console. */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** A request, as an adapter sees it. */
export interface Asked {
  readonly method: string;
  /** The route's template, where it is known by the end. */
  template?(): string | undefined;
  /** The path itself, without its query. */
  path(): string;
  host(): string | undefined;
  /** The address of the client. */
  ip(): string | undefined;
  header(name: string): string | undefined;
  /** What names it, where that is none of its headers. */
  readonly id?: string | undefined;
}

/** How a request ended. */
export interface End {
  readonly status: number;
  /** Why it failed, where its status does not say. */
  readonly reason?: string | undefined;
  /** Why it was not answered. */
  readonly refusal?: Refusal | undefined;
}

/** What is answered to a request that was refused, and why. */
export interface Refused extends Answer {
  readonly refusal: Refusal;
}

/** How an adapter answers. */
export interface Answering<Given> {
  /** Answers the request; what is recorded with this audit says who asked, also where nothing follows the calls. */
  readonly answer: (audit: Audit) => Given | Promise<Given>;
  /** The status of what it was answered with. */
  readonly statusOf: (given: Given) => number;
  /** What is answered to a request that was refused. */
  readonly refusal: (refused: Refused) => Given;
  readonly asking?: Asking | undefined;
}

/** The most characters of what a client wrote, where it is recorded. */
const MOST = { method: 32, path: 1024, host: 255, userAgent: 512 };

/** The path without escapes of what needs none (RFC 3986, 6.2.2.2): routers take `/%69nternal` for `/internal`, so rules have to. */
const pathOf = (asked: Asked): string =>
  asked.path().replace(/%(2[17-9ade]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi, decodeURIComponent);

/** The path as programs have it that read the request's target as a URL: with `/x/../internal` and `/internal\jobs` resolved. */
function resolved(path: string): string {
  try {
    return new URL(path, "http://localhost").pathname;
  } catch {
    return path;
  }
}

/** The path where none may be told. */
const ANY = "*";

/** What stands in an event for what a callback should have told and did not: a gate takes it for no answer. */
const UNTOLD = Symbol() as unknown as undefined;

/** True for what a callback told. */
const isTold = <T>(value: T): boolean => value !== UNTOLD;

const isFunction = (value: unknown) => typeof value === "function";
const isFlag = (value: unknown) => typeof value === "boolean";

/** What each option has to be where it is given, in code and in words. */
const RULES: Readonly<Record<keyof HttpOptions<never>, readonly [(value: unknown) => boolean, string]>> = {
  actor: [isFunction, "a callback that gives who asked"],
  tenant: [isFunction, "a callback that gives whose data it is about"],
  only: [isFunction, "a callback that says whether the request is recorded"],
  path: [(path) => path === "actual" || path === "shape" || isFunction(path), '"actual", "shape" or a callback'],
  requestId: [(id) => id === false || isFunction(id), "false, or a callback that gives the request's name"],
  ip: [(ip) => isFlag(ip) || isFunction(ip), "true, or a callback that gives the client's address"],
  userAgent: [isFlag, "true or false"],
  host: [isFlag, "true or false"],
  gate: [(gate) => isFunction((gate as Partial<Gate> | null)?.decide), "what gate of countersign/gate made"],
  onError: [isFunction, "a callback that is told of errors"],
};

/** Every option there is. */
export const HTTP_OPTIONS: readonly string[] = Object.keys(RULES);

/** What an adapter records requests with that records none where nobody asks for it. */
export function recordingOf<Source>(
  http: HttpOptions<Source> | boolean | undefined,
): HttpRecording<Source> | undefined {
  return http ? new HttpRecording(http === true ? {} : http) : undefined;
}

/** Records requests with an audit. Nothing that goes wrong here is thrown: the answer does not depend on it. */
export class HttpRecording<Source> {
  readonly #options: HttpOptions<Source>;
  readonly #warn = teller("a request could not be recorded as it should: ");

  constructor(given: HttpOptions<Source> = {}) {
    const options = ownOptions(given, HTTP_OPTIONS);
    for (const [name, [isRight, hint]] of Object.entries(RULES)) {
      const value = options[name as keyof HttpOptions<Source>];
      must(value === undefined || isRight(value), name, `${name} is not what it should be`, `give ${hint}`);
    }
    this.#options = options;
  }

  /** Takes a request that begins now. */
  begin(source: Source, given: Asked) {
    const asked = own(given);
    const began = performance.now();
    const { ip: chosen, gate } = this.#options;
    // Node.js forgets it when the connection ends. Where nobody chose it, a framework may know none.
    const ip = chosen || gate ? this.#address(source, asked, chosen ? UNTOLD : undefined) : undefined;
    let isDone = false;
    const current = new CurrentRequest(() => this.#said(source, asked));
    return {
      /** The request, for what is recorded within it. */
      current,
      /** What is answered in place of what was asked for; nothing where that is to be answered. */
      refuse: (asking?: Asking) => gate && this.#refuse(gate, this.#asked(source, asked, ip), asking),
      /** Records it, once. */
      done: (audit: Audit, end: End) => {
        if (!isDone) {
          isDone = true;
          const latency = Math.max(0, Math.round(performance.now() - began));
          // It says itself who asked, as far as that is known by the end.
          outsideRequests(() =>
            this.#record(audit, source, end, () =>
              this.#event(source, asked, end, chosen && ip !== UNTOLD ? ip : undefined, latency),
            ),
          );
        }
      },
    };
  }

  /** Has a request answered or refused, and records it when there is an answer. */
  async answered<Given>(
    audit: Audit,
    source: Source,
    asked: Asked,
    { answer, statusOf, refusal, asking }: Answering<Given>,
  ): Promise<Given> {
    const { current, refuse, done } = this.begin(source, asked);
    const refusing = refuse(asking);
    const refused = refusing instanceof Promise ? await refusing : refusing;
    if (refused !== undefined) {
      done(audit, refused);
      return refusal(refused);
    }
    let given: Given;
    try {
      given = await current.within(() => answer(scopedTo(audit, current)));
    } catch (error) {
      done(audit, { status: 500, reason: "the handler threw" });
      throw error;
    } finally {
      current.end();
    }
    done(audit, { status: statusOf(given) });
    return given;
  }

  /** What each event says that is recorded while a request is handled. */
  #said(source: Source, asked: Asked): Said {
    const id = this.#requestId(source, asked);
    const { actor, tenant } = this.#options;
    return {
      actor: actor && this.#try("actor", () => checkedActor(actor(source))),
      tenant: tenant && this.#try("tenant", () => checkedTenant(tenant(source))),
      context: id === undefined ? undefined : { request_id: id },
    };
  }

  #requestId(source: Source, asked: Asked): string | undefined {
    const { requestId } = this.#options;
    return requestId === false
      ? undefined
      : this.#try("requestId", () => (requestId ? asId(requestId(source)) : idOf(asked)));
  }

  /** Whether a gate decides on requests. */
  get isGated(): boolean {
    return this.#options.gate !== undefined;
  }

  #refuse(gate: Gate, event: EventToBe, asking?: Asking): Refused | undefined | Promise<Refused | undefined> {
    const refused = (decision: Decision): Refused | undefined =>
      decision.decision === "allow" ? undefined : { refusal: decision, ...gate.answer(decision) };
    const { path = ANY } = event.http ?? {};
    // Which of both it is taken for, the program alone knows.
    const other = resolved(path);
    const decision = gate.decide(
      event,
      asking,
      other === path ? undefined : { ...event, http: { ...event.http, path: other } },
    );
    return decision instanceof Promise ? decision.then(refused) : refused(decision);
  }

  /** The request as far as it is known before it is answered. */
  #asked(source: Source, asked: Asked, ip: string | undefined): EventToBe {
    const { requestId, path: chosen } = this.#options;
    return {
      action: "http.request",
      ...this.#whose(source, UNTOLD),
      http: {
        method: bounded(asked.method, MOST.method) ?? "",
        // All of it: what is far behind counts too. Where a callback gives none, the path itself.
        path: (isFunction(chosen) && this.#path(source, asked)) || pathOf(asked).toWellFormed() || ANY,
        host: this.#try("host", () => bounded(asked.host(), MOST.host)),
      },
      context: {
        ip,
        user_agent: bounded(asked.header("user-agent"), MOST.userAgent),
        request_id: requestId === undefined ? idOf(asked) : undefined,
      },
    };
  }

  /** Where the client is. A socket that takes IPv6 too has addresses of IPv4 in a form that no rule has them in. */
  #address(source: Source, asked: Asked, otherwise: undefined): string | undefined {
    const { ip } = this.#options;
    return this.#try(
      "ip",
      () => bounded((isFunction(ip) ? ip(source) : asked.ip())?.replace(/^::ffff:(?=[\d.]+$)/i, ""), MOST.host),
      otherwise,
    );
  }

  /** Who asked, and whose data it is about. */
  #whose(source: Source, otherwise?: undefined): Pick<AuditEvent, "actor" | "tenant"> {
    const { actor, tenant } = this.#options;
    // Where there is no such header, some frameworks give an empty text.
    const whose = this.#try("tenant", () => tenant?.(source) || undefined, otherwise);
    const who = this.#try("actor", () => actor?.(source) || undefined, otherwise);
    return { tenant: isTold(whose) ? tenantOf(whose) : UNTOLD, actor: isTold(who) ? actorOf(who) : UNTOLD };
  }

  #record(audit: Audit, source: Source, end: End, event: () => AuditEvent): void {
    const { status, refusal } = own(end);
    const { only } = this.#options;
    if (refusal !== undefined || (this.#try("only", () => only?.(source, { status })) ?? true)) {
      this.#recordOf(audit, event(), this.#whose(source));
    }
  }

  /** Records a request. What no event can hold of what the callbacks gave is told, and left out. */
  #recordOf(audit: Pick<Audit, "record">, event: AuditEvent, whose: Partial<AuditEvent>): void {
    const without: Otherwise = (error, audit) => {
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

  #event(source: Source, asked: Asked, end: End, ip: string | undefined, latency: number): AuditEvent {
    const { status, refusal, reason = refusal && `refused by ${refusal.title ?? refusal.rule}` } = own(end);
    const host = this.#options.host === true ? this.#try("host", () => bounded(asked.host(), MOST.host)) : undefined;
    return {
      action: "http.request",
      outcome: refusal === undefined ? outcomeOf(status, reason) : "denied",
      reason,
      http: {
        method: bounded(asked.method, MOST.method) ?? "",
        path: bounded(this.#path(source, asked), MOST.path) ?? ANY,
        status,
        host,
        latency_ms: latency,
      },
      context: this.#context(source, asked, ip),
      ...(refusal === undefined ? {} : { countersign: decided(refusal) }),
    };
  }

  #path(source: Source, asked: Asked): string | undefined {
    const chosen = this.#options.path;
    const given = () => {
      switch (chosen) {
        case undefined:
          return asked.template?.();
        case "shape":
          return pathShape(pathOf(asked));
        case "actual":
          return pathOf(asked);
        default:
          return chosen(source);
      }
    };
    return this.#try("path", () =>
      given()
        ?.replace(/[?#].*$/s, "")
        .toWellFormed(),
    );
  }

  #context(source: Source, asked: Asked, ip: string | undefined): Context | undefined {
    const { userAgent } = this.#options;
    const context: Context = {
      ip,
      user_agent: userAgent === true ? bounded(asked.header("user-agent"), MOST.userAgent) : undefined,
      request_id: this.#requestId(source, asked),
    };
    return Object.values(context).some((value) => value !== undefined) ? context : undefined;
  }

  #try<T>(member: keyof HttpOptions<Source>, work: () => T, otherwise?: undefined): T | undefined {
    try {
      return work();
    } catch (cause) {
      const hint = "the request is recorded without what it gives: see the cause";
      this.#failed(new CountersignError("options.invalid", `${member} threw: ${cause}`, { member, hint, cause }));
      return otherwise;
    }
  }

  #failed(error: CountersignError): void {
    const { onError } = this.#options;
    if (onError !== undefined) {
      try {
        onError(error);
      } catch {
        // It has been told, and there is nobody else to tell.
      }
      return;
    }
    this.#warn(error);
  }
}

/** A recorder for who handles a request: what is recorded with it says who asked. */
export function scopedTo(audit: Audit, request: CurrentRequest): Audit {
  return new Scoped(audit, {}, () => request.own());
}

/** Handles what is known by a name alone: that names what is recorded within it. */
export async function handled<Answer>(
  audit: Audit,
  request: Scope["request"],
  handle: (audit: Audit) => Answer | Promise<Answer>,
): Promise<Answer> {
  const fixed = said({ request });
  const current = new CurrentRequest(() => fixed);
  try {
    return await current.within(() => handle(scopedTo(audit, current)));
  } finally {
    current.end();
  }
}

/** An actor that an event can have. What a callback gives otherwise must not keep events from being recorded. */
function checkedActor(given: unknown): Actor | undefined {
  const actor = actorOf(given || undefined);
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

function checkedTenant(given: unknown): string | undefined {
  const tenant = tenantOf(given || undefined);
  if (tenant !== undefined && typeof tenant !== "string") {
    throw new TypeError("tenant must return a string");
  }
  return tenant;
}

function idOf({ id, header }: Asked): string | undefined {
  return id ?? namedBy(header);
}

function bounded(text: string | undefined, most: number): string | undefined {
  return text === undefined || text === "" ? undefined : text.slice(0, most).toWellFormed();
}

/** What was refused to who asked is denied, and whatever else did not end well a failure. */
function outcomeOf(status: number, reason: string | undefined): AuditEvent["outcome"] {
  if (status === 401 || status === 403) {
    return "denied";
  }
  return status >= 400 || reason !== undefined ? "failure" : "success";
}
