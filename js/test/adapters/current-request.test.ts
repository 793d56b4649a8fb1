/** Tests that events recorded while a request is handled have what its adapter knows. */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type Audit, type AuditEvent, asyncContext, auditFetch, generateKey, memory } from "countersign";
import { withCountersign } from "countersign/cloudflare";
import { type AuditVariables, auditHono } from "countersign/hono";
import { auditLambda } from "countersign/lambda";
import { auditNext } from "countersign/next";
import { auditHttp } from "countersign/node";
import { createTestRecorder } from "countersign/testing";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";

const HEADERS = { "x-user": "ada", "x-tenant": "acme", "x-request-id": "r_1" };
/** The fields that each event must have. */
const SAID = { actor: { id: "ada" }, tenant: "acme", context: { request_id: "r_1" } };

async function listen(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const byHeader = {
  actor: (request: { headers: Record<string, unknown> }) => request.headers["x-user"] as string,
  tenant: (request: { headers: Record<string, unknown> }) => request.headers["x-tenant"] as string,
};

/** Returns the recorded events once there is one for each action. */
async function found(audit: Awaited<ReturnType<typeof createTestRecorder>>, ...actions: string[]) {
  const events = await eventually(
    `there is an event of each action: ${actions}`,
    () => audit.events(),
    (events) => actions.every((action) => events.some((event) => event.action === action)),
  );
  return actions.map((name) => {
    const { action, actor, tenant, context } = events.find((event) => event.action === name) ?? { action: "" };
    return { action, actor, tenant, context };
  });
}

const saying = (...actions: string[]) => actions.map((action) => ({ action, ...SAID }));

test("Express: events of body listeners and of the response's end belong to the request", async (t) => {
  const audit = await createTestRecorder();
  const app = express();
  app.use(auditHttp(audit, byHeader as never));
  app.post("/jobs", (request, response) => {
    audit.record({ action: "in.handler" });
    request
      .on("data", () => {})
      .on("end", () => {
        audit.record({ action: "in.body" });
        setTimeout(() => {
          audit.record({ action: "in.timer" });
          response.on("finish", () => audit.record({ action: "at.finish" })).end("ok");
        }, 1);
      });
  });
  const url = await listen(t, app);
  await fetch(`${url}/jobs`, { method: "POST", body: "x".repeat(200_000), headers: HEADERS });
  const actions = ["in.handler", "in.body", "in.timer", "at.finish", "http.request"];
  assert.deepEqual(await found(audit, ...actions), saying(...actions));
});

test("Fastify: events belong to the request whose body it parsed", async (t) => {
  const audit = await createTestRecorder();
  const app = fastify();
  app.addHook("onRequest", auditHttp(audit, byHeader as never));
  app.addHook("preHandler", async () => {
    audit.record({ action: "in.hook" });
  });
  app.post("/jobs", async () => {
    await Promise.resolve();
    audit.record({ action: "in.handler" });
    return "ok";
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => app.close());
  const headers = { ...HEADERS, "content-type": "application/json" };
  await fetch(`${url}/jobs`, { method: "POST", body: JSON.stringify({ text: "x".repeat(200_000) }), headers });
  const actions = ["in.hook", "in.handler", "http.request"];
  assert.deepEqual(await found(audit, ...actions), saying(...actions));
});

test("node:http: events belong to the request among several listeners on one connection", async (t) => {
  const audit = await createTestRecorder();
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      audit.record({ action: `in${request.url?.replace("/", ".")}` });
      response.end("ok");
    });
  });
  server.prependListener("request", auditHttp(audit, byHeader as never));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await (await fetch(`${url}/first`, { headers: HEADERS })).text();
  await (await fetch(`${url}/second`, { headers: { "x-user": "bob" } })).text();
  const [first, second] = await found(audit, "in.first", "in.second");
  assert.deepEqual(first, { action: "in.first", ...SAID });
  assert.deepEqual(second, { action: "in.second", actor: { id: "bob" }, tenant: undefined, context: undefined });
});

test("concurrent requests don't mix, and events after the response have no request", async (t) => {
  const audit = await createTestRecorder();
  const both = new EventEmitter();
  let waiting = 0;
  let tick: ReturnType<typeof setInterval> | undefined;
  const url = await listen(t, (request, response) => {
    auditHttp(audit, byHeader as never)(request, response, async () => {
      waiting++;
      if (waiting === 2) {
        setImmediate(() => both.emit("both"));
      }
      await once(both, "both");
      audit.record({ action: `by.${request.headers["x-user"]}` });
      // A job that the first request happens to start, and that outlives it.
      tick ??= setInterval(() => {
        if (audit.events().filter(({ action }) => action === "http.request").length === 2) {
          setImmediate(() => audit.record({ action: "in.background" }));
          clearInterval(tick);
        }
      }, 5);
      response.end("ok");
    });
  });
  await Promise.all(["ada", "bob"].map((name) => fetch(url, { headers: { "x-user": name } })));
  const [ada, bob, later] = await found(audit, "by.ada", "by.bob", "in.background");
  assert.deepEqual([ada?.actor, bob?.actor, later?.actor], [{ id: "ada" }, { id: "bob" }, undefined]);
});

test("an event's own fields and its scope override the request", async () => {
  const recorder = await createTestRecorder();
  const scoped = asyncContext(recorder);
  const handle = auditFetch(
    recorder,
    async () => {
      recorder.record({ action: "own", actor: { id: "own" }, context: { request_id: "own", region: "eu" } });
      recorder.with({ actor: "scope" }).record({ action: "scope" });
      scoped.with({ actor: "context" }, () => scoped.record({ action: "context" }));
      recorder.recordJson('{"action":"text"}');
      recorder.record({ action: "null", actor: null, tenant: null });
      return new Response("ok");
    },
    { actor: () => "ada", tenant: () => "acme" },
  );
  await handle(new Request("https://example.com", { headers: HEADERS }));
  const { context } = SAID;
  assert.deepEqual(await found(recorder, "own", "scope", "context", "text", "null"), [
    { action: "own", actor: { id: "own" }, tenant: "acme", context: { request_id: "own", region: "eu" } },
    { action: "scope", actor: { id: "scope" }, tenant: "acme", context },
    { action: "context", actor: { id: "context" }, tenant: "acme", context },
    { action: "text", ...SAID },
    { action: "null", ...SAID },
  ]);
});

test("callbacks run for each event, and an invalid result is omitted", async () => {
  const reported: string[] = [];
  const audit = await createTestRecorder();
  let user: unknown;
  const handle = auditFetch(
    audit,
    () => {
      for (const one of [undefined, "ada", 7, { id: "" }, { id: "u", type: "robot" }, Promise.resolve("x")]) {
        user = one;
        audit.record({ action: "in.handler" });
      }
      user = undefined;
      return new Response("ok");
    },
    {
      actor: () => {
        // Events recorded in a callback don't call it again.
        audit.record({ action: "in.callback" });
        return user as string;
      },
      onError: ({ member }) => reported.push(`${member}`),
    },
  );
  await handle(new Request("https://example.com"));
  const events = audit.events().filter(({ action }) => action === "in.handler");
  assert.deepEqual(
    events.map(({ actor }) => actor?.id),
    [undefined, "ada", "7", undefined, undefined, undefined],
  );
  assert.deepEqual(reported, ["actor", "actor", "actor"]);
});

test("Hono: nested requests, and requests without AsyncLocalStorage", async () => {
  const audit = await createTestRecorder();
  const app = new Hono<{ Variables: AuditVariables }>();
  app.use(auditHono(audit, { actor: (c) => c.req.header("x-user"), tenant: () => undefined }));
  app.get("/", (c) => {
    audit.record({ action: "by.recorder" });
    c.var.audit.record({ action: "by.context" });
    return c.text("ok");
  });
  const outer = auditFetch(audit, (request) => app.fetch(request, {}, undefined as never) as Promise<Response>, {
    tenant: () => "acme",
    requestId: () => "r_outer",
  });
  await outer(new Request("https://example.com/", { headers: HEADERS }));
  assert.deepEqual(await found(audit, "by.recorder", "by.context"), saying("by.recorder", "by.context"));
});

test("Lambda, Next.js, and Workers: events belong to the request", async () => {
  const recorded: AuditEvent[] = [];
  const options = () => ({
    key: EMITTERS[0].secret,
    origin: ORIGIN,
    to: memory(),
    beforeRecord: (event: AuditEvent) => {
      recorded.push(event);
      return event;
    },
  });
  const http = { actor: () => "ada", tenant: () => "acme" };
  const lambda = auditLambda(options, async (_: object, __, audit) => audit.record({ action: "in.lambda" }), { http });
  const event = { httpMethod: "GET", path: "/", headers: {} };
  await lambda(event, { awsRequestId: "r_1", getRemainingTimeInMillis: () => 60_000 });
  const work: Promise<unknown>[] = [];
  const next = auditNext(options, { after: (one) => work.push(one), http });
  const request = () => new Request("https://example.com/", { headers: HEADERS });
  await next(async (_: Request, __: object, audit: Audit) => {
    audit.record({ action: "in.next" });
    return new Response("ok");
  })(request(), { params: Promise.resolve({}) });
  const worker = withCountersign(
    options as never,
    {
      async fetch(_: Request, __: object, ___, audit) {
        audit.record({ action: "in.worker" });
        return new Response("ok");
      },
    },
    { http },
  );
  const context = { waitUntil: (one: Promise<unknown>) => void work.push(one), passThroughOnException() {}, props: {} };
  await worker.fetch(request(), {}, context);
  const plain = withCountersign(options as never, {
    async fetch(_: Request, __: object, ___, audit) {
      audit.record({ action: "in.plain" });
      return new Response("ok");
    },
  });
  await plain.fetch(request(), {}, context);
  await Promise.all(work);
  for (const action of ["in.lambda", "in.next", "in.worker"]) {
    assert.deepEqual(
      recorded.find((one) => one.action === action),
      { action, ...SAID },
    );
  }
  const named = { action: "in.plain", context: { request_id: "r_1" } };
  assert.deepEqual(
    recorded.find(({ action }) => action === "in.plain"),
    named,
  );
});

test("an event that waits for the start keeps the scope of its own request", async () => {
  const { key } = await generateKey("example.com/test");
  const to = memory();
  const early = createLazyRecorder({
    read: async () => ({ key, to, origin: "log.example" }),
    isShared: false,
    required: false,
  });
  early.record({ action: "in.none" });
  const first = auditFetch(
    early,
    () => {
      early.record({ action: "in.first" });
      return new Response("ok");
    },
    { actor: () => "ada" },
  );
  await first(new Request("https://example.com"));
  const second = auditFetch(
    await createTestRecorder(),
    async () => {
      await early.ready();
      return new Response("ok");
    },
    { actor: () => "bob" },
  );
  await second(new Request("https://example.com"));
  await early.flush();
  const events = to
    .text()
    .split("\n")
    .flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));
  const actors = Object.fromEntries(events.map(({ action, actor }) => [action, actor?.id]));
  assert.deepEqual([actors["in.none"], actors["in.first"]], [undefined, "ada"]);
});

test("auditNext: arguments of a server action don't take the recorder's place", async () => {
  const to = memory();
  const work: Promise<unknown>[] = [];
  const audited = auditNext(() => ({ key: EMITTERS[0].secret, to, origin: ORIGIN }), {
    after: (one) => work.push(one),
  });
  const remove = audited.action(async (audit, id?: string) => {
    audit.record({ action: "job.delete", target: { type: "job", id: String(id) } });
  });
  // A client can call an action with other arguments than its code declares.
  const called = remove as (...args: unknown[]) => Promise<void>;
  const silent = { record() {} };
  for (const args of [[], ["42"], ["42", silent], [silent, silent], [{ headers: {} }, {}, silent]]) {
    await called(...args);
  }
  await Promise.all(work);
  const recorded = to.text().match(/"job\.delete"/g);
  assert.equal(recorded?.length, 5);
  const route = audited(async (_request, _context, audit) => audit.record({ action: "job.read" }));
  await assert.rejects(route({ name: "no request" } as never, {} as never), { code: "options.invalid" });
});
