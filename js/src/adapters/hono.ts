/** Hono, in whatever runtime. */

import type { Context, Env, MiddlewareHandler } from "hono";
import { CountersignError } from "../error.js";
import type { Audit } from "../record/audit.js";
import { addressInWorker, noAddress, responseOf, seen } from "./fetch.js";
import { type HttpOptions, HttpRecording } from "./http-request.js";
import { auditOf } from "./of-context.js";

/** What the middleware sets: `new Hono<{ Variables: AuditVariables }>()` has `c.var.audit`. */
export interface AuditVariables {
  audit: Audit;
}

/** What to record of requests; the callbacks are called with Hono's context. */
export interface HonoOptions<E extends Env> extends HttpOptions<Context<E>> {
  /** The recorder. By default that of `withCountersign`, which the app is given to. */
  audit?: Audit | undefined;
  /** Whether requests are recorded, as `http.request`. By default they are. */
  requests?: boolean | undefined;
}

/**
 * A middleware that sets `c.var.audit`, and records each request when there is an answer: with the path of the route
 * that answered, such as `/jobs/:id`.
 *
 *     app.use(auditHono({ audit, actor: (c) => c.get("user")?.id }));
 */
export function auditHono<E extends Env & { Variables: AuditVariables }>(
  options: HonoOptions<E> = {},
): MiddlewareHandler<E> {
  // With a recorder of `withCountersign` it is a Worker.
  if (options.ip === true && options.audit !== undefined) {
    throw noAddress("ip: (c) => getConnInfo(c).remote.address, with Hono's helper for your runtime");
  }
  const recording = options.requests === false ? undefined : new HttpRecording<Context<E>>(options);
  return async (context, next) => {
    const audit = options.audit ?? ofInvocation(context);
    context.set("audit", audit);
    const done = recording?.begin();
    const asked = { ...seen(context.req.raw), ip: () => addressInWorker(context.req.raw) };
    const refused = await recording?.refuse(context, asked, hasContext(context) ? context.executionCtx : undefined);
    if (refused !== undefined) {
      done?.(audit, context, { ...asked, ...refused });
      return responseOf(refused);
    }
    const record = (status: number, reason?: string) =>
      done?.(audit, context, {
        ...asked,
        status,
        reason,
        // The route whose handler was called last.
        template: context.req.routePath,
      });
    try {
      await next();
    } catch (error) {
      record(500, "the handler threw");
      throw error;
    }
    record(context.res.status);
    return undefined;
  };
}

function ofInvocation(context: Context): Audit {
  const audit = hasContext(context) ? auditOf(context.executionCtx) : undefined;
  if (audit === undefined) {
    throw new CountersignError("options.invalid", "there is no recorder for this request", {
      member: "audit",
      hint: "auditHono({ audit }) takes what createRecorder made; in a Worker: export default withCountersign(options, app)",
    });
  }
  return audit;
}

function hasContext(context: Context): boolean {
  try {
    return context.executionCtx !== undefined;
  } catch {
    return false;
  }
}
