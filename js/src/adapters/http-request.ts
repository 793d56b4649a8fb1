/**
 * Recording a request as `http.request`. What is recorded by itself holds nothing of what the client chose but the
 * method, and a header that names the request: no query, no headers, no bodies, and of the path the template only.
 */

import { CountersignError, coded, must, teller } from "../error.js";
import { type Answer, type Decision, decided, type EventToBe, type Refusal } from "../gate/decision.js";
import type { Asking, Gate } from "../gate/gate.js";
import type { Audit } from "../record/audit.js";
import { pathShape } from "../record/core.js";
import type { Actor, AuditEvent, Context } from "../record/event.js";
import { asId, requestId as namedBy } from "../record/scope.js";

/** What to record of requests. The callbacks are called when the request is done, with what the adapter has of it. */
export interface HttpOptions<Source> {
  /** Who asked: an actor, or an actor's id. */
  actor?: ((source: Source) => Actor | string | undefined) | undefined;
  /** Whose data it is about. */
  tenant?: ((source: Source) => string | undefined) | undefined;
  /** Whether a request is recorded: `({ status }) => …`, or by its path. By default all are. */
  only?: ((source: Source, end: { readonly status: number }) => boolean) | undefined;
  /**
   * The path to record. By default the template of the route, such as `/jobs/:id`, where the framework tells it, and `*`
   * where not: paths hold names, identifiers and tokens. `"shape"` records the actual path with what is an identifier
   * replaced, `/jobs/{number}`: names stay. `"actual"` says that yours hold none of that.
   */
  path?: "actual" | "shape" | ((source: Source) => string | undefined) | undefined;
  /** What names the request. By default its header `cf-ray` or `x-request-id`; `false` for nothing. */
  requestId?: ((source: Source) => string | undefined) | false | undefined;
  /**
   * The client's address: `true` for that of the connection, where the adapter is told it: by Node.js, and by Cloudflare
   * as `cf-connecting-ip`. By default it is not recorded.
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

/** A request, as an adapter sees it when it is done. */
export interface Seen {
  method: string;
  status: number;
  /** Why it failed, where its status does not say. */
  reason?: string | undefined;
  /** Why it was not answered. */
  refusal?: Refusal | undefined;
  /** The route's template. */
  template?: string | undefined;
  /** The path itself, without its query. */
  path: () => string;
  host: () => string | undefined;
  /** The address of the client. */
  ip: () => string | undefined;
  header: (name: string) => string | undefined;
}

/** A request, as an adapter sees it before it is answered. */
export type Asked = Omit<Seen, "status" | "reason" | "refusal">;

/** What is answered to a request that was refused, and why. */
export interface Refused extends Answer {
  readonly refusal: Refusal;
}

/** How an adapter answers. */
export interface Answering<Given> {
  /** Answers the request. */
  readonly answer: () => Given | Promise<Given>;
  /** The status of what it was answered with. */
  readonly statusOf: (given: Given) => number;
  /** What is answered to a request that was refused. */
  readonly refusal: (refused: Refused) => Given;
  readonly asking?: Asking | undefined;
}

/** The most characters of what a client wrote. */
const MOST = { method: 32, path: 1024, host: 255, userAgent: 512 };

/** The path where none may be told. */
const ANY = "*";

/** Records requests with an audit. Nothing that goes wrong here is thrown: the answer does not depend on it. */
export class HttpRecording<Source> {
  readonly #options: HttpOptions<Source>;
  readonly #warn = teller("a request could not be recorded as it should: ");

  constructor(options: HttpOptions<Source> = {}) {
    this.#options = options;
    const functions = ["actor", "tenant", "only", "onError"] as const;
    const wrong = functions.find((name) => options[name] !== undefined && typeof options[name] !== "function");
    must(wrong === undefined, wrong, "no function", `${wrong} is a callback`);
  }

  /** Gives what records the request that begins now, once, when it is done. */
  begin(): (audit: Audit, source: Source, seen: Seen) => void {
    const began = performance.now();
    let isDone = false;
    return (audit, source, seen) => {
      if (!isDone) {
        isDone = true;
        this.#record(audit, source, seen, Math.max(0, Math.round(performance.now() - began)));
      }
    };
  }

  /** Has a request answered or refused, and records it when there is an answer. */
  async answered<Given>(
    audit: Audit,
    source: Source,
    asked: Asked,
    { answer, statusOf, refusal, asking }: Answering<Given>,
  ): Promise<Given> {
    const done = this.begin();
    const refusing = this.refuse(source, asked, asking);
    const refused = refusing instanceof Promise ? await refusing : refusing;
    if (refused !== undefined) {
      done(audit, source, { ...asked, ...refused });
      return refusal(refused);
    }
    let given: Given;
    try {
      given = await answer();
    } catch (error) {
      done(audit, source, { ...asked, status: 500, reason: "the handler threw" });
      throw error;
    }
    done(audit, source, { ...asked, status: statusOf(given) });
    return given;
  }

  /** Whether a gate decides on requests. */
  get isGated(): boolean {
    return this.#options.gate !== undefined;
  }

  /** What is answered in place of what was asked for; nothing where that is to be answered. */
  refuse(source: Source, asked: Asked, asking?: Asking): Refused | undefined | Promise<Refused | undefined> {
    const { gate } = this.#options;
    if (gate === undefined) {
      return undefined;
    }
    const refused = (decision: Decision): Refused | undefined =>
      decision.decision === "allow" ? undefined : { refusal: decision, ...gate.answer(decision) };
    const decision = gate.decide(this.#asked(source, asked), asking);
    return decision instanceof Promise ? decision.then(refused) : refused(decision);
  }

  /** The request as far as it is known before it is answered. */
  #asked(source: Source, seen: Asked): EventToBe {
    const { ip, requestId, path: chosen } = this.#options;
    return {
      action: "http.request",
      ...this.#whose(source),
      http: {
        method: bounded(seen.method, MOST.method) ?? "",
        path: typeof chosen === "function" ? this.#path(source, seen) : (bounded(seen.path(), MOST.path) ?? ANY),
        host: this.#try("host", () => bounded(seen.host(), MOST.host)),
      },
      context: {
        ip: this.#try("ip", () => bounded(typeof ip === "function" ? ip(source) : seen.ip(), MOST.host)),
        user_agent: bounded(seen.header("user-agent"), MOST.userAgent),
        request_id: requestId === undefined ? namedBy(seen.header) : undefined,
      },
    };
  }

  /** Who asked, and whose data it is about. */
  #whose(source: Source): Pick<AuditEvent, "actor" | "tenant"> {
    const { actor, tenant } = this.#options;
    const whose = this.#try("tenant", () => tenant?.(source));
    const who = this.#try("actor", () => actor?.(source));
    return { tenant: whose, actor: typeof who === "string" ? { id: who } : who };
  }

  #record(audit: Audit, source: Source, seen: Seen, latency: number): void {
    const { only } = this.#options;
    if (seen.refusal === undefined && !(this.#try("only", () => only?.(source, { status: seen.status })) ?? true)) {
      return;
    }
    const event: AuditEvent = this.#event(source, seen, latency);
    const error = this.#recorded(audit, { ...event, ...this.#whose(source) });
    if (error?.code === "event.invalid") {
      // The callbacks gave what no event can hold. That the request was is recorded all the same.
      this.#recorded(audit, event);
    }
  }

  /** Records an event, or tells why not. */
  #recorded(audit: Audit, event: AuditEvent): CountersignError | undefined {
    try {
      audit.record(event);
      return undefined;
    } catch (cause) {
      const error = coded(cause, "recorder.failed", `the recorder failed: ${cause}`, "see the cause");
      this.#failed(error);
      return error;
    }
  }

  #event(source: Source, seen: Seen, latency: number): AuditEvent {
    const { method, status, refusal, reason = refusal && `refused by ${refusal.title ?? refusal.rule}` } = seen;
    const host = this.#options.host === true ? this.#try("host", () => bounded(seen.host(), MOST.host)) : undefined;
    return {
      action: "http.request",
      outcome: refusal === undefined ? outcomeOf(status, reason) : "denied",
      reason,
      http: {
        method: bounded(method, MOST.method) ?? "",
        path: this.#path(source, seen),
        status,
        host,
        latency_ms: latency,
      },
      context: this.#context(source, seen),
      ...(refusal === undefined ? {} : { countersign: decided(refusal) }),
    };
  }

  #path(source: Source, { path, template }: Asked): string {
    const chosen = this.#options.path;
    const given = this.#try("path", () => {
      if (chosen === "shape") {
        return pathShape(path());
      }
      return chosen === "actual" ? path() : chosen === undefined ? template : chosen(source);
    });
    return bounded(given?.replace(/[?#].*$/s, ""), MOST.path) ?? ANY;
  }

  #context(source: Source, seen: Seen): Context | undefined {
    const { ip, userAgent, requestId } = this.#options;
    const context: Context = {
      ip: ip ? this.#try("ip", () => bounded(ip === true ? seen.ip() : ip(source), MOST.host)) : undefined,
      user_agent: userAgent === true ? bounded(seen.header("user-agent"), MOST.userAgent) : undefined,
      request_id:
        requestId === false
          ? undefined
          : this.#try("requestId", () => (requestId ? asId(requestId(source)) : namedBy(seen.header))),
    };
    return Object.values(context).some((value) => value !== undefined) ? context : undefined;
  }

  #try<T>(member: keyof HttpOptions<Source>, work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      const hint = "the request is recorded without what it gives: see the cause";
      this.#failed(new CountersignError("options.invalid", `${member} threw: ${cause}`, { member, hint, cause }));
      return undefined;
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
