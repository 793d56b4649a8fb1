/** The adapter for Cloudflare Workers. */

import { refused } from "../error.js";
import { ownOptions } from "../known.js";
import { durableObjectOutbox, type ObjectStorage } from "../outbox/durable-object.js";
import { field } from "../own.js";
import type { Audit } from "../record/audit.js";
import { createLazyRecorder, startRecorder } from "../record/lazy.js";
import type { Recorder } from "../record/recorder.js";
import { settlesWithin } from "../timers.js";
import { addressInWorker, recorded } from "./fetch.js";
import { type HttpOptions, handled, recordingOf } from "./http-request.js";
import { Invocation, inIsolate, remember, type WaitingContext } from "./invocation.js";
import { readOptions, type WorkerOptionsOf } from "./worker-options.js";

/** A class that Workers instantiates with `(ctx, env)`. */
export type ClassOf = abstract new (...args: never[]) => object;

/** The class with a recorder in each of its objects. */
export type WithAudit<Class extends ClassOf> = abstract new (
  ...args: ConstructorParameters<Class>
) => InstanceType<Class> & {
  /** Records events of the object. */
  readonly audit: Audit;
};

/** The parts of a Durable Object's `ctx` that are used. */
interface ObjectContext extends WaitingContext {
  readonly storage: ObjectStorage;
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
}

/** Returns the class with `this.audit`. */
export function objectClass<Env>(
  options: WorkerOptionsOf<Env>,
  base: ClassOf,
  required: boolean,
  recorderIn: (env: Env) => Recorder,
): unknown {
  const Base = base as unknown as new (context: ObjectContext | WaitingContext, env: Env) => object;
  return class extends Base {
    constructor(context: ObjectContext | WaitingContext, env: Env) {
      super(context, env);
      const audit = "storage" in context ? ofObject(options, context, env, required) : ofCall(recorderIn(env), context);
      remember(context, audit);
      // Defined on the instance, so that RPC can't reach it.
      Object.defineProperty(this, "audit", { value: audit });
    }
  };
}

/**
 * Returns a Durable Object's recorder. All requests of the object share one context, so timers keep running, and its
 * storage serves as the outbox.
 */
function ofObject<Env>(options: WorkerOptionsOf<Env>, context: ObjectContext, env: Env, required: boolean): Audit {
  const recorder = createLazyRecorder({
    read: async () => {
      const recorderOptions = await readOptions(options, env);
      return {
        ...recorderOptions,
        outbox:
          (field(recorderOptions, "outbox") as typeof recorderOptions.outbox) ?? durableObjectOutbox(context.storage),
      };
    },
    isShared: true,
    required,
  });
  const started = context.blockConcurrencyWhile(() => startRecorder(recorder, required));
  started.catch(() => {
    // The object is reset, and its caller gets the error.
  });
  return recorder;
}

/** Returns the recorder for one call of an entrypoint. The runtime creates a new instance for each call. */
function ofCall(recorder: Recorder, context: WaitingContext): Audit {
  const invocation = new Invocation(recorder, context);
  invocation.end();
  return invocation;
}

/** The `ctx` of a Worker's handlers. */
export interface WorkerContext {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
  readonly props: unknown;
}

/** The parts of a queue message that this package's types describe. */
export interface Message {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: unknown;
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/**
 * A Worker's handlers, each with the recorder as its last argument. Annotate the first argument with Cloudflare's own
 * types.
 */
export interface AuditedHandlers<Env> {
  fetch?(request: Request, env: Env, ctx: WorkerContext, audit: Audit): Response | Promise<Response>;
  scheduled?(
    controller: { readonly scheduledTime: number; readonly cron: string; noRetry(): void },
    env: Env,
    ctx: WorkerContext,
    audit: Audit,
  ): unknown;
  queue?(
    batch: { readonly queue: string; readonly messages: readonly Message[]; ackAll(): void; retryAll(): void },
    env: Env,
    ctx: WorkerContext,
    audit: Audit,
  ): unknown;
  email?(
    message: {
      readonly from: string;
      readonly to: string;
      readonly headers: Headers;
      readonly raw: ReadableStream;
      setReject(reason: string): void;
      forward(to: string, headers?: Headers): Promise<unknown>;
    },
    env: Env,
    ctx: WorkerContext,
    audit: Audit,
  ): unknown;
  tail?(events: never, env: Env, ctx: WorkerContext, audit: Audit): unknown;
  tailStream?(event: never, env: Env, ctx: WorkerContext, audit: Audit): unknown;
  trace?(traces: never, env: Env, ctx: WorkerContext, audit: Audit): unknown;
  test?(controller: never, env: Env, ctx: WorkerContext, audit: Audit): unknown;
}

const HANDLERS = ["fetch", "scheduled", "queue", "email", "tail", "tailStream", "trace", "test"] as const;
type HandlerName = (typeof HANDLERS)[number];

/** The handlers with the signatures that Workers expects. */
export type Handlers<H, Env> = {
  [Name in keyof H & HandlerName]: NonNullable<H[Name]> extends (first: infer First, ...rest: never[]) => infer Answer
    ? (first: First, env: Env, ctx: WorkerContext) => Promise<Awaited<Answer>>
    : never;
};

/** Options of `withCountersign`. */
export interface WithCountersignOptions {
  /**
   * Makes requests fail if the recorder can't start, or can't use its outbox. By default, a handler runs anyway: its
   * events wait, the next request tries again, and events beyond the limit are dropped and counted.
   *
   * @default false
   * @example
   * ```ts
   * required: true
   * ```
   */
  required?: boolean | undefined;
  /**
   * Records each request as `http.request`.
   *
   * @default false
   * @example
   * ```ts
   * http: { only: (_, { status }) => status >= 400 }
   * ```
   */
  http?: HttpOptions<Request> | boolean | undefined;
}

/**
 * Passes a recorder to each of a Worker's handlers as the last argument. An isolate has one recorder, created by its
 * first request, and each invocation flushes it after its response, under `ctx.waitUntil`.
 *
 * A class gets it as `this.audit`: a Durable Object, which uses its storage as the outbox, or a `WorkerEntrypoint`.
 *
 * @example
 * ```ts
 * export default withCountersign((env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL, log: env.AUDIT_LOG }), {
 *   async fetch(request, env, ctx, audit) { … },
 * });
 *
 * export class Room extends withCountersign(options, DurableObject<Env>) { … }
 * ```
 */
export function withCountersign<Env, Class extends ClassOf>(
  options: WorkerOptionsOf<Env>,
  base: Class,
  settings?: Omit<WithCountersignOptions, "http">,
): WithAudit<Class>;
export function withCountersign<Env, H extends AuditedHandlers<Env>>(
  options: WorkerOptionsOf<Env>,
  handlers: H & AuditedHandlers<Env>,
  settings?: WithCountersignOptions,
): Handlers<H, Env>;
/**
 * Passes a recorder to each handler, with the options from the Worker's environment: `AUDIT_KEY`, `AUDIT_URL`, and
 * `AUDIT_LOG`.
 *
 * @example
 * ```ts
 * export default withCountersign({ async fetch(request, env, ctx, audit) { … } });
 * ```
 */
export function withCountersign<Env, H extends AuditedHandlers<Env>>(
  handlers: H & AuditedHandlers<Env>,
): Handlers<H, Env>;
/** Sets `this.audit` of a class, with the options from the Worker's environment. */
export function withCountersign<Class extends ClassOf>(base: Class): WithAudit<Class>;
export function withCountersign<Env>(first: unknown, second?: unknown, settings: WithCountersignOptions = {}): unknown {
  const [options, target] = (isAlone(first, second) ? [NO_OPTIONS, first] : [first, second]) as [
    WorkerOptionsOf<Env>,
    ClassOf | AuditedHandlers<Env>,
  ];
  if (!isObject(options) && typeof options !== "function") {
    const hint =
      "call withCountersign((env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL, log: env.AUDIT_LOG }), handlers)";
    throw refused("options", "recorder options must be an object or a function", hint);
  }
  const { required = false, http } = ownOptions(settings, ["required", "http"]);
  const recorderIn = (env: Env) => recorderFor(options, env, required);
  if (typeof target === "function" && target.prototype !== undefined) {
    if (http) {
      const hint = "use auditFetch(this.audit, handler, { gate }) in the class's fetch, or `http` with handlers";
      throw refused("http", "`http` can't be used with a class", hint);
    }
    return objectClass(options, target, required, recorderIn);
  }
  const handling = isObject(target) ? (target as AuditedHandlers<Env>) : {};
  const names = HANDLERS.filter((name) => typeof handling[name] === "function");
  if (names.length === 0) {
    throw refused(
      "handlers",
      "withCountersign needs handlers or a class",
      "pass options first, then a class or an object with fetch, scheduled, queue, …: withCountersign(options, { async fetch(request, env, ctx, audit) { … } })",
    );
  }
  const recording = recordingOf(http);
  const handlers = names.map((name) => {
    const handle = (first: unknown, env: Env, context: WorkerContext, audit: Audit): unknown =>
      Reflect.apply(handling[name] as () => unknown, handling, [first, env, context, audit]);
    return [
      name,
      (first: unknown, env: Env, context: WorkerContext) =>
        runInvocation(recorderIn(env), required, context, (audit) => {
          const handling = (audit: Audit) => handle(first, env, context, audit);
          if (name !== "fetch") {
            return handling(audit);
          }
          const request = first as Request;
          const ip = () => addressInWorker(request);
          const decisionContext = { waitUntil: (work: Promise<unknown>) => context.waitUntil(work) };
          return recording === undefined
            ? handled(audit, request, handling)
            : recorded(recording, audit, request, ip, handling as (audit: Audit) => Response, decisionContext);
        }),
    ];
  });
  return Object.fromEntries(handlers);
}

/** Empty options. */
const NO_OPTIONS: WorkerOptionsOf<unknown> = {};

/** True if the first argument is a class or handlers, and there is no second one. */
function isAlone(first: unknown, second: unknown): boolean {
  const isClass = typeof first === "function" && first.prototype !== undefined;
  const areHandlers = isObject(first) && HANDLERS.some((name) => typeof field(first, name) === "function");
  return second === undefined && (isClass || areHandlers);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

async function runInvocation(
  recorder: Recorder,
  required: boolean,
  context: WorkerContext,
  handle: (audit: Audit) => unknown,
): Promise<unknown> {
  const invocation = new Invocation(recorder, context);
  invocation.begin();
  remember(context, invocation);
  try {
    if (!recorder.isStarted) {
      const begun = startRecorder(recorder, required);
      await (required ? begun : settlesWithin(START_TIMEOUT_MS, begun));
    }
    return await handle(invocation);
  } finally {
    invocation.end();
  }
}

/** Milliseconds that a handler waits for its recorder, which usually starts immediately. */
const START_TIMEOUT_MS = 1_000;

/** Recorders by options and environment, with and without `required`. */
const recorders = {
  required: new WeakMap<object, WeakMap<object, Recorder>>(),
  others: new WeakMap<object, WeakMap<object, Recorder>>(),
};
/** The key for a missing environment. */
const NO_ENV = {};

function recorderFor<Env>(options: WorkerOptionsOf<Env>, env: Env, required: boolean): Recorder {
  const key = isObject(env) ? env : NO_ENV;
  const all = required ? recorders.required : recorders.others;
  const byEnv = all.get(options) ?? new WeakMap<object, Recorder>();
  all.set(options, byEnv);
  const read = async () => inIsolate(await readOptions(options, env));
  const recorder = byEnv.get(key) ?? createLazyRecorder({ read, isShared: false, required });
  byEnv.set(key, recorder);
  return recorder;
}
