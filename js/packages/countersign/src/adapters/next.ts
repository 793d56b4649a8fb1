/** The adapter for Next.js. */

import { refused } from "../error.js";
import { ownOptions } from "../known.js";
import { field } from "../own.js";
import type { Audit } from "../record/audit.js";
import { createLazyRecorder, startRecorder } from "../record/lazy.js";
import type { RecorderOptions } from "../record/options.js";
import { type FetchOptions, noAddress, recorded } from "./fetch.js";
import { handled, recordingOf } from "./http-request.js";
import { Invocation, inIsolate, isWorker } from "./invocation.js";

/** Schedules work after the response: `after` of `next/server`. */
export type After = (work: Promise<unknown>) => unknown;

/** Options of `auditNext`. */
export interface NextOptions {
  /**
   * `after` of `next/server`.
   *
   * @example
   * ```ts
   * after // import { after } from "next/server"
   * ```
   */
  after: After;
  /**
   * Makes handlers fail if the recorder can't start, or can't use its outbox. By default, they run anyway: events wait,
   * the next call tries again, and events beyond the limit are dropped and counted. If the outbox can't be used here,
   * events wait in memory.
   *
   * @default false
   * @example
   * ```ts
   * required: true
   * ```
   */
  required?: boolean | undefined;
  /**
   * Records each request of a route handler as `http.request`, and applies `gate` if given.
   *
   * @default false
   * @example
   * ```ts
   * http: true
   * ```
   */
  http?: FetchOptions<[]> | boolean | undefined;
}

/** The second argument of a route handler. */
export interface RouteArguments {
  /** The segments of the route, such as `id` of `jobs/[id]`. */
  readonly params: Promise<Record<string, string>>;
}

/** Wraps route handlers and server actions, and passes them the recorder. */
export interface HandlerWrapper {
  /** Wraps a route handler, and passes it the recorder as its third argument. */
  <
    Incoming extends Request = Request,
    Context extends { readonly params: Promise<unknown> } = RouteArguments,
    Answer = unknown,
  >(
    handler: (request: Incoming, context: Context, audit: Audit) => Answer | Promise<Answer>,
  ): (request: Incoming, context: Context) => Promise<Answer>;
  /**
   * Wraps a server action, and passes it the recorder as its first argument: clients choose the number of the others.
   *
   * @example
   * ```ts
   * export const remove = audited.action(async (audit, form: FormData) => { … });
   * ```
   */
  action<Args extends unknown[], Answer>(
    handler: (audit: Audit, ...args: Args) => Answer | Promise<Answer>,
  ): (...args: Args) => Promise<Answer>;
}

/**
 * Passes a recorder to route handlers as their third argument, and to server actions as their first. A server has one
 * recorder, created at the first call and not while `next build` loads the module. Events are delivered after the
 * response, using `after`.
 *
 * @example
 * ```ts
 * export const audited = auditNext(() => ({ key: process.env.AUDIT_KEY, to, log }), { after });
 *
 * export const DELETE = audited(async (request, { params }, audit) => { … });
 * export const remove = audited.action(async (audit, form: FormData) => { … });
 * ```
 */
export function auditNext(
  options: () => RecorderOptions | Promise<RecorderOptions>,
  next: NextOptions,
): HandlerWrapper {
  if (typeof options !== "function") {
    throw refused(
      "options",
      "`options` must be a function",
      "pass () => ({ key, to, log }), which is called at the first request instead of at build time",
    );
  }
  if (typeof field(next, "after") !== "function") {
    throw refused("after", "`after` must be a function", 'pass { after } from "next/server"');
  }
  const { after, required = false, http } = ownOptions(next, ["after", "required", "http"]);
  if (field(http, "ip") === true) {
    throw noAddress(
      'use ip: (request) => request.headers.get("x-real-ip") ?? undefined, if your platform sets this header',
    );
  }
  const recording = recordingOf<Request>(http);
  const recorder = isWorker()
    ? createLazyRecorder({ read: async () => inIsolate(await options()), isShared: false, required })
    : createLazyRecorder({ read: async () => options(), isShared: true, required });
  const waitUntil = (work: Promise<unknown>) => void after(work);
  const during = async <Answer>(call: (invocation: Invocation) => Promise<Answer>): Promise<Answer> => {
    const invocation = new Invocation(recorder, { waitUntil });
    invocation.begin();
    try {
      await startRecorder(recorder, required);
      return await call(invocation);
    } finally {
      invocation.end();
    }
  };
  const route =
    (handler: (request: Request, context: unknown, audit: Audit) => unknown) =>
    async (request: unknown, context: unknown): Promise<unknown> => {
      if (!isRequest(request)) {
        throw refused(
          "request",
          "a route handler must be called with a request",
          "wrap a server action with `.action`",
        );
      }
      return during(async (invocation) => {
        const answer = async (audit: Audit) => handler(request, context, audit);
        if (recording === undefined) {
          return await handled(invocation, request, answer);
        }
        const answered = answer as (audit: Audit) => Promise<Response>;
        return await recorded(recording, invocation, request, () => undefined, answered, { waitUntil });
      });
    };
  const action =
    (handler: (audit: Audit, ...args: unknown[]) => unknown) =>
    async (...args: unknown[]): Promise<unknown> =>
      during(async (invocation) => handler(invocation, ...args));
  return Object.assign(route, { action }) as unknown as HandlerWrapper;
}

/** True for a `Request`. */
function isRequest(value: unknown): value is Request {
  return typeof value === "object" && value !== null && "headers" in value && typeof value.headers === "object";
}
