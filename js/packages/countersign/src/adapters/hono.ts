/** The adapter for Hono, in any runtime. */

import type { Context, Env, MiddlewareHandler } from "hono";
import { CountersignError } from "../error.js";
import { field } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { addressInWorker, noAddress, requestView, responseOf } from "./fetch.js";
import { type HttpOptions, HttpRecording, type RequestView } from "./http-request.js";
import { isWorker } from "./invocation.js";

/** Variables that the middleware sets: `new Hono<{ Variables: AuditVariables }>()` has `c.var.audit`. */
export interface AuditVariables {
  audit: Audit;
}

/** Options of `auditHono`. Callbacks receive Hono's context. */
// biome-ignore lint/suspicious/noExplicitAny: only the app knows the type of its context.
export type HonoOptions<E extends Env = any> = HttpOptions<Context<E>>;

/** A recorder, or a function that returns the recorder for a request; in a Worker, `(c) => auditOf(c.executionCtx)`. */
// biome-ignore lint/suspicious/noExplicitAny: only the app knows the type of its context.
export type HonoAudit<E extends Env = any> = Audit | ((context: Context<E>) => Audit | undefined);

/**
 * Returns a middleware that sets `c.var.audit` and records each request when there is a response, with the path of the
 * matched route, such as `/jobs/:id`.
 *
 * In an app wrapped by `withCountersign`, use the recorder of the invocation; `auditOf` is exported by
 * `countersign/cloudflare`.
 *
 * @example
 * ```ts
 * app.use(auditHono(audit, { actor: (c) => c.get("user")?.id }));
 * app.use(auditHono((c) => auditOf(c.executionCtx))); // in a Worker
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: must fit any app, whose variables only the app knows.
export function auditHono<E extends Env = any>(
  audit: HonoAudit<E>,
  options: HonoOptions<E> = {},
): MiddlewareHandler<{ Variables: AuditVariables }> {
  const find = typeof audit === "function" ? audit : undefined;
  if (find === undefined) {
    mustRecord(audit);
  }
  // Only Workers provide the client's address, and only Workers need a function as `audit`.
  const usesHeader = field(options, "ip") === true;
  if (usesHeader && find === undefined) {
    throw noConnection();
  }
  const recording = new HttpRecording<Context<E>>(options);
  return async (context, next) => {
    const source = context as unknown as Context<E>;
    const recorder = typeof audit === "function" ? recorderOf(audit, source) : audit;
    const request = context.req.raw;
    let template: string | undefined;
    const view: RequestView = {
      ...requestView(request),
      ip: () => {
        if (usesHeader && !isWorker()) {
          throw noConnection();
        }
        return addressInWorker(request);
      },
      template: () => template,
    };
    return recording.handle<Response | undefined>(recorder, source, view, {
      answer: async (audit) => {
        context.set("audit", audit);
        await next().finally(() => {
          // The route of the handler called last.
          template = context.req.routePath;
        });
        return undefined;
      },
      statusOf: () => context.res.status,
      refusal: responseOf,
      decisionContext: executionOf(context),
    });
  };
}

function noConnection(): CountersignError {
  return noAddress("use ip: (c) => getConnInfo(c).remote.address, with Hono's helper for your runtime");
}

function recorderOf<E extends Env>(find: (context: Context<E>) => Audit | undefined, context: Context<E>): Audit {
  let audit: Audit | undefined;
  let cause: unknown;
  try {
    audit = find(context);
  } catch (error) {
    // Hono throws if there is no `ctx` of a Worker.
    cause = error;
  }
  if (audit === undefined) {
    throw new CountersignError("options.invalid", "there is no recorder for this request", {
      member: "audit",
      hint: "pass the result of createRecorder to auditHono; in a Worker, use auditHono((c) => auditOf(c.executionCtx)) and export default withCountersign(options, app)",
      cause,
    });
  }
  return audit;
}

/** Returns a Worker's `ctx`; reading it throws elsewhere. */
function executionOf(context: Context) {
  try {
    return context.executionCtx;
  } catch {
    return undefined;
  }
}
