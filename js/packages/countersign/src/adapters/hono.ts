/** Hono, in whatever runtime. */

import type { Context, Env, MiddlewareHandler } from "hono";
import { CountersignError } from "../error.js";
import { field } from "../own.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { addressInWorker, noAddress, responseOf, seen } from "./fetch.js";
import { type Asked, type HttpOptions, HttpRecording } from "./http-request.js";

/** What the middleware sets: `new Hono<{ Variables: AuditVariables }>()` has `c.var.audit`. */
export interface AuditVariables {
  audit: Audit;
}

/** What to record of requests; the callbacks are called with Hono's context. */
// biome-ignore lint/suspicious/noExplicitAny: what an app has in its context is known to the app alone.
export type HonoOptions<E extends Env = any> = HttpOptions<Context<E>>;

/** A recorder, or what finds that of a request: in a Worker, `(c) => auditOf(c.executionCtx)`. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
export type HonoAudit<E extends Env = any> = Audit | ((context: Context<E>) => Audit | undefined);

/**
 * A middleware that sets `c.var.audit`, and records each request when there is an answer: with the path of the route
 * that answered, such as `/jobs/:id`.
 *
 *     app.use(auditHono(audit, { actor: (c) => c.get("user")?.id }));
 *
 * In an app that `withCountersign` wraps, the recorder is that of the invocation; `auditOf` is in `countersign/cloudflare`:
 *
 *     app.use(auditHono((c) => auditOf(c.executionCtx)));
 */
// biome-ignore lint/suspicious/noExplicitAny: an app of any kind takes it, and `c.get("user")` is of the app.
export function auditHono<E extends Env = any>(
  audit: HonoAudit<E>,
  options: HonoOptions<E> = {},
): MiddlewareHandler<{ Variables: AuditVariables }> {
  const find = typeof audit === "function" ? audit : undefined;
  if (find === undefined) {
    mustRecord(audit);
  }
  // Only a Worker is told the client's address, and only a Worker needs a function that finds its recorder.
  if (field(options, "ip") === true && find === undefined) {
    throw noAddress("ip: (c) => getConnInfo(c).remote.address, with Hono's helper for your runtime");
  }
  const recording = new HttpRecording<Context<E>>(options);
  return async (context, next) => {
    const source = context as unknown as Context<E>;
    const recorder = typeof audit === "function" ? found(audit, source) : audit;
    const request = context.req.raw;
    let template: string | undefined;
    const asked: Asked = {
      ...seen(request),
      ip: () => addressInWorker(request),
      template: () => template,
    };
    return recording.answered<Response | undefined>(recorder, source, asked, {
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
      asking: executionOf(context),
    });
  };
}

function found<E extends Env>(find: (context: Context<E>) => Audit | undefined, context: Context<E>): Audit {
  let audit: Audit | undefined;
  let cause: unknown;
  try {
    audit = find(context);
  } catch (error) {
    // Without a Worker's `ctx` Hono throws when it is asked for.
    cause = error;
  }
  if (audit === undefined) {
    throw new CountersignError("options.invalid", "there is no recorder for this request", {
      member: "audit",
      hint: "give auditHono what createRecorder returns; in a Worker: auditHono((c) => auditOf(c.executionCtx)), and export default withCountersign(options, app)",
      cause,
    });
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
