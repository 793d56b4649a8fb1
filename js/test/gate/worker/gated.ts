/** A Worker with a gate and a limit in a Durable Object. */

import { GateLimits, type ObjectNamespace, type WorkerContext, withCountersign } from "countersign/cloudflare";
import { type Gate, gate } from "countersign/gate";
import { PACK } from "./pack.ts";

export { GateLimits };

interface Env {
  KEY: string;
  URL: string;
  LOG: string;
  WATCHLIST: string;
  WATCH: string;
  LIMITS: ObjectNamespace;
}

let own: Gate | undefined;

/** Created on the first request, when the environment is available. */
const gateOf = (env: Env): Gate => {
  own ??= gate({
    pack: PACK,
    fail: "closed",
    watchlist: { url: env.WATCHLIST, key: env.WATCH },
    limits: [
      {
        name: "exactly",
        by: "actor",
        max: 5,
        windowMs: 60_000,
        in: env.LIMITS,
        only: ({ http }) => http?.path === "/often",
      },
    ],
    onError: () => {},
  });
  return own;
};

const handlers = (env: Env) =>
  withCountersign(
    (env: Env) => ({ key: env.KEY, to: env.URL, log: env.LOG }),
    { fetch: (_request: Request) => new Response("ok") },
    { http: { gate: gateOf(env), path: "actual", actor: (request) => request.headers.get("x-user") ?? undefined } },
  );

let made: ReturnType<typeof handlers> | undefined;

export default {
  fetch(request: Request, env: Env, ctx: WorkerContext): Promise<Response> {
    made ??= handlers(env);
    return made.fetch(request, env, ctx);
  },
};
