/** A Worker with a log behind each kind of binding, and with Durable Objects that record. */

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { type Audit, type WorkerContext, withCountersign } from "countersign/cloudflare";

interface Stub {
  fetch(url: string | Request, init?: RequestInit): Promise<Response>;
  note(id: string): Promise<void>;
  audit: unknown;
}

interface Namespace {
  idFromName(name: string): unknown;
  get(id: never): Stub;
  getByName(name: string): Stub;
}

interface Env {
  KEY: string;
  LOG: string;
  URL: string;
  TRUST: string;
  SERVICE: { fetch(url: string | Request, init?: RequestInit): Promise<Response> };
  OBJECT: Namespace;
  ROOM: Namespace;
  SELF: Stub;
}

const event = (id: string) => ({ action: "job.update", actor: { id: "u_1" }, target: { type: "job", id } });

const handlers = {
  async fetch(request: Request, _env: Env, _ctx: WorkerContext, audit: Audit) {
    await audit.record(event(new URL(request.url).pathname)).delivered();
    return new Response("ok");
  },
};

const ways = {
  "/service": withCountersign((env: Env) => ({ key: env.KEY, to: env.SERVICE, log: env.LOG }), handlers),
  "/service-named": withCountersign(
    (env: Env) => ({ key: env.KEY, to: { binding: env.SERVICE }, log: env.LOG }),
    handlers,
  ),
  "/namespace": withCountersign((env: Env) => ({ key: env.KEY, to: env.OBJECT, log: env.LOG }), handlers),
  "/namespace-trust": withCountersign((env: Env) => ({ key: env.KEY, to: env.OBJECT, log: env.TRUST }), handlers),
  "/namespace-named": withCountersign(
    (env: Env) => ({ key: env.KEY, to: { binding: env.OBJECT, name: "another" }, log: env.LOG }),
    handlers,
  ),
  "/fetch": withCountersign(
    (env: Env) => ({
      key: env.KEY,
      to: { url: "https://x.example", fetch: (url, init) => env.SERVICE.fetch(url, init) },
      log: env.LOG,
    }),
    handlers,
  ),
  "/transport": withCountersign((env: Env) => ({ key: env.KEY, to: () => {}, origin: "log.example" }), handlers),
};

/** Forwards requests to the log, and reports the name by which it was looked up. */
export class Log extends DurableObject<Env> {
  async fetch(request: Request): Promise<Response> {
    const { name } = (this.ctx as unknown as { id: { name?: string } }).id;
    return this.env.SERVICE.fetch(new Request(request, { headers: { "x-object": name ?? "" } }));
  }
}

const options = (env: Env) => ({ key: env.KEY, to: env.URL, log: env.LOG, timeoutMs: 500 });

/** Stores undelivered events in its storage. */
export class Room extends withCountersign(options, DurableObject<Env>) {
  async note(id: string): Promise<void> {
    await this.audit.record(event(id)).stored();
  }

  async fetch(request: Request): Promise<Response> {
    const id = new URL(request.url).searchParams.get("id") ?? "";
    this.audit.record(event(id));
    const { chain, waiting, lastError } = this.audit.status();
    return Response.json({ chain, waiting, lastError: lastError?.code });
  }
}

/** An object whose recorder can't start. */
export class Broken extends withCountersign((env: Env) => ({ ...options(env), key: "" }), DurableObject<Env>) {
  async note(id: string): Promise<void> {
    this.audit.record(event(id));
  }

  /** Returns the errors of waiting for an event. */
  async fetch(): Promise<Response> {
    const handle = this.audit.record(event("x"));
    const errors = await Promise.allSettled([handle.stored(), handle.delivered()]);
    return Response.json(errors.map((one) => (one.status === "rejected" ? one.reason.code : one.status)));
  }
}

/** An object whose environment lacks the key. */
export class Unset extends withCountersign(
  (env: Env & { MISSING: string }) => ({ ...options(env), key: env.MISSING }),
  DurableObject<Env>,
) {
  async fetch(): Promise<Response> {
    const message = await this.audit.record(event("x")).stored().then(String, String);
    return new Response(message);
  }
}

export class Strict extends withCountersign((env: Env) => ({ ...options(env), key: "" }), DurableObject<Env>, {
  required: true,
}) {
  async note(): Promise<void> {}
}

export class Entry extends withCountersign(options, WorkerEntrypoint<Env>) {
  async note(id: string): Promise<void> {
    this.audit.record(event(id));
  }
}

export default {
  async fetch(
    request: Request,
    env: Env & { BROKEN: Namespace; STRICT: Namespace; UNSET: Namespace },
    ctx: WorkerContext,
  ): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const id = searchParams.get("id") ?? "";
    switch (pathname) {
      case "/room":
        return env.ROOM.getByName("a").fetch(request);
      case "/room/note":
        await env.ROOM.getByName("a").note(id);
        return new Response("ok");
      case "/room/audit":
        return new Response(
          await Promise.resolve(env.ROOM.getByName("a").audit).then(
            () => "there",
            () => "not there",
          ),
        );
      case "/broken/note":
        await env.BROKEN.getByName("a").note(id);
        return new Response("ok");
      case "/broken/wait":
        return env.BROKEN.getByName("a").fetch(request);
      case "/unset/wait":
        return env.UNSET.getByName("a").fetch(request);
      case "/strict/note":
        return new Response(
          await env.STRICT.getByName("a")
            .note(id)
            .then(() => "ok", String),
        );
      case "/entry/note":
        await env.SELF.note(id);
        return new Response("ok");
      default:
        return ways[pathname as keyof typeof ways].fetch(request, env, ctx);
    }
  },
};
