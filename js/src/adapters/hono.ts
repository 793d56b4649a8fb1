/** Hono, in whatever runtime. */

import type { Context, Env, MiddlewareHandler } from "hono";
import { must, refused } from "../error.js";
import { ownOptions } from "../known.js";
import { hasField } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { addressInWorker, noAddress, responseOf, seen } from "./fetch.js";
import { type Asked, HTTP_OPTIONS, type HttpOptions, HttpRecording } from "./http-request.js";
import { auditOf } from "./invocation.js";

/** What the middleware sets: `new Hono<{ Variables: AuditVariables }>()` has `c.var.audit`. */
export interface AuditVariables {
  audit: Audit;
}

/** What to record of requests; the callbacks are called with Hono's context. */
// biome-ignore lint/suspicious/noExplicitAny: what an app has in its context is known to the app alone.
export interface HonoOptions<E extends Env = any> extends HttpOptions<Context<E>> {
  /** The recorder. By default that of `withCountersign`, which the app is given to. */
  audit?: Audit | undefined;
}

/**
 * A middleware that sets `c.var.audit`, and records each request when there is an answer: with the path of the route
 * that answered, such as `/jobs/:id`.
 *
 *     app.use(auditHono({ audit, actor: (c) => c.get("user")?.id }));
 */
// biome-ignore lint/suspicious/noExplicitAny: an app of any kind takes it, and `c.get("user")` is of the app.
export function auditHono<E extends Env = any>(
  options: HonoOptions<E> = {},
): MiddlewareHandler<{ Variables: AuditVariables }> {
  // Other adapters take it so.
  const hasOptions = typeof options === "object" && options !== null;
  must(
    hasOptions,
    undefined,
    "no options by their names",
    "auditHono({ audit, actor: (c) => … }), or auditHono() in a Worker",
  );
  must(
    !hasField(options, "recordJson"),
    "audit",
    "a recorder in place of options",
    "give it by name: auditHono({ audit })",
  );
  const { audit: given, ...others } = ownOptions(options, ["audit", ...HTTP_OPTIONS]) as HonoOptions<E>;
  if (given !== undefined) {
    mustRecord(given);
  }
  // With a recorder of `withCountersign` it is a Worker.
  if (others.ip === true && given !== undefined) {
    throw noAddress("ip: (c) => getConnInfo(c).remote.address, with Hono's helper for your runtime");
  }
  const recording = new HttpRecording<Context<E>>(others);
  return async (context, next) => {
    const asking = executionOf(context);
    const audit = given ?? ofInvocation(asking);
    const request = context.req.raw;
    let template: string | undefined;
    const asked: Asked = {
      ...seen(request),
      ip: () => addressInWorker(request),
      template: () => template,
    };
    return recording.answered<Response | undefined>(audit, context as unknown as Context<E>, asked, {
      answer: async (audit) => {
        context.set("audit", audit);
        await next().finally(() => {
          // The route whose handler was called last.
          template = context.req.routePath;
        });
        return undefined;
      },
      statusOf: () => context.res.status,
      refusal: responseOf,
      asking,
    });
  };
}

function ofInvocation(execution: object | undefined): Audit {
  const audit = execution && auditOf(execution);
  if (audit === undefined) {
    throw refused(
      "audit",
      "there is no recorder for this request",
      "auditHono({ audit }) takes what createRecorder made; in a Worker: export default withCountersign(options, app)",
    );
  }
  return audit;
}

/** A Worker's `ctx`; elsewhere asking for it throws. */
function executionOf(context: Context) {
  try {
    return context.executionCtx;
  } catch {
    return undefined;
  }
}
