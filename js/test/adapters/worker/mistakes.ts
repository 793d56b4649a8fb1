/** A Worker with a different configuration mistake for each path. */

import { DurableObject } from "cloudflare:workers";
import { type Audit, CountersignError, type WorkerContext, withCountersign } from "countersign/cloudflare";

interface Namespace {
  idFromName(name: string): unknown;
  get(id: never): { fetch(url: string, init?: RequestInit): Promise<Response> };
}

interface Env {
  KEY: string;
  URL: string;
  LOG: string;
  EMPTY: string;
  OBJECT: Namespace;
  // Declared, but missing at run time.
  NO_KEY: string;
  NO_URL: string;
  NO_LOG: string;
  NO_BINDING: Namespace;
}

const handlers = {
  async fetch(_request: Request, _env: Env, _ctx: WorkerContext, audit: Audit) {
    audit.record({ action: "job.delete", target: { type: "job", id: "recorded early" } });
    const { waiting, lastError } = audit.status();
    return Response.json({ waiting, lastError: lastError?.code });
  },
};

const wrong = {
  "/no-key": withCountersign((env: Env) => ({ key: env.NO_KEY, to: env.URL, log: env.LOG }), handlers, {
    required: true,
  }),
  "/empty-key": withCountersign((env: Env) => ({ to: env.URL, log: env.LOG, key: env.EMPTY }), handlers, {
    required: true,
  }),
  "/no-url": withCountersign((env: Env) => ({ key: env.KEY, to: env.NO_URL, log: env.LOG }), handlers, {
    required: true,
  }),
  "/no-log": withCountersign((env: Env) => ({ key: env.KEY, to: env.URL, log: env.NO_LOG }), handlers, {
    required: true,
  }),
  "/no-binding": withCountersign(
    (env: Env) => ({ key: env.KEY, to: { binding: env.NO_BINDING }, log: env.LOG }),
    handlers,
    { required: true },
  ),
  "/no-binding-called": withCountersign(
    (env: Env) => ({ key: env.KEY, to: env.NO_BINDING.idFromName("x") as never, log: env.LOG }),
    handlers,
    { required: true },
  ),
  "/nothing": withCountersign((env: Env) => ({ key: env.NO_KEY, to: env.NO_URL, log: env.NO_LOG }), handlers, {
    required: true,
  }),
  "/stub": withCountersign(
    (env: Env) => ({ key: env.KEY, to: env.OBJECT.get(env.OBJECT.idFromName("x") as never), log: env.LOG }),
    handlers,
    { required: true },
  ),
  "/key-is-a-vkey": withCountersign((env: Env) => ({ key: env.LOG, to: env.URL, log: env.LOG }), handlers, {
    required: true,
  }),
  "/key-is-cut": withCountersign((env: Env) => ({ key: env.KEY.slice(0, -4), to: env.URL, log: env.LOG }), handlers, {
    required: true,
  }),
  "/url-without-scheme": withCountersign(
    (env: Env) => ({ key: env.KEY, to: "log.example.com", log: env.LOG }),
    handlers,
    {
      required: true,
    },
  ),
  "/not-required": withCountersign((env: Env) => ({ key: env.NO_KEY, to: env.URL, log: env.LOG }), handlers),
};

let tries = 0;
const healing = withCountersign((env: Env) => {
  tries += 1;
  if (tries < 3) {
    throw new Error("not yet");
  }
  return { key: { get: async () => env.KEY }, to: env.URL, log: env.LOG };
}, handlers);

/** Options of a recorder with a low limit. Undefined options count as absent. */
const little = (env: Env) => ({
  key: env.KEY,
  to: env.URL,
  log: env.LOG,
  maxWaitingBytes: 1000,
  onFull: undefined,
  timeoutMs: undefined,
});

/** Records more events than fit, and returns how many were dropped. */
function overflow(audit: Audit, name: string): Response {
  for (let nth = 0; nth < 50; nth += 1) {
    audit.record({ action: "job.delete", target: { type: "job", id: `${name} ${nth}` } });
  }
  return Response.json(audit.status().dropped);
}

const full = (required: boolean) =>
  withCountersign(little, { fetch: (_request, _env, _ctx, audit) => overflow(audit, "of many") }, { required });

let fails = true;
/** Records more events before the start than the queue holds. */
const early = withCountersign(
  (env: Env) => {
    if (fails) {
      throw new Error("not yet");
    }
    return { key: env.KEY, to: env.URL, log: env.LOG };
  },
  {
    async fetch(_request, _env, _ctx, audit) {
      for (let nth = 0; fails && nth < 1100; nth += 1) {
        audit.record({ action: "job.update", target: { type: "job", id: `early ${nth}` } });
      }
      fails = false;
      return Response.json(audit.status().dropped);
    },
  },
);

const more = { "/healing": healing, "/full": full(false), "/full-required": full(true), "/early": early };

export default {
  async fetch(request: Request, env: Env, ctx: WorkerContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/full-object") {
        return await env.OBJECT.get(env.OBJECT.idFromName("x") as never).fetch(request.url);
      }
      return await { ...wrong, ...more }[pathname as keyof typeof wrong].fetch(request, env, ctx);
    } catch (error) {
      const { code, member, message, hint } = error as CountersignError;
      return Response.json({ isOurs: error instanceof CountersignError, code, member, message, hint }, { status: 500 });
    }
  },
};

export class Thing extends withCountersign(little, DurableObject<Env>) {
  fetch(): Response {
    return overflow(this.audit, "of an object's");
  }
}
