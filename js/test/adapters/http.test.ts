/** Tests requests recorded as `http.request`, in each kind of server. */

import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import {
  type AuditEvent,
  auditFetch,
  type CountersignError,
  createRecorder,
  type HttpOptions,
  memory,
} from "countersign";
import { type AuditVariables, auditHono } from "countersign/hono";
import { auditNext } from "countersign/next";
import { auditHttp } from "countersign/node";
import express from "express";
import fastify, { type FastifyRequest } from "fastify";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { Child } from "../runtimes.ts";

/** Starts a recorder, and returns its recorded events. */
async function recorder(t: TestContext) {
  const exported = memory();
  const audit = await createRecorder({
    key: EMITTERS[0].secret,
    origin: ORIGIN,
    to: exported,
    autoFlush: false,
  }).ready();
  t.after(() => audit.close());
  const events = async () => {
    await audit.flush();
    return exported
      .text()
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => (JSON.parse(line) as { event?: AuditEvent }).event ?? []);
  };
  /**
   * Returns the recorded requests once there are this many. They are recorded shortly after the client has its
   * response.
   */
  const requests = async (count: number) => {
    const found = await eventually(
      `there are ${count} events of requests`,
      async () => (await events()).filter(({ action }) => action === "http.request"),
      ({ length }) => length >= count,
    );
    assert.equal(found.length, count, JSON.stringify(found));
    return found;
  };
  return { audit, events, requests };
}

/** Returns an event without fields that vary between runs. */
function plain({ http, ...event }: AuditEvent): object {
  const { latency_ms: latency, ...rest } = http ?? assert.fail("no request");
  assert.ok(Number.isInteger(latency) && Number(latency) >= 0 && Number(latency) < 10_000, `${latency} ms`);
  return { ...event, http: rest };
}

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const GET = (path: string, status: number, more: object = {}) => ({
  action: "http.request",
  outcome: status < 400 ? "success" : status === 403 ? "denied" : "failure",
  http: { method: "GET", path, status },
  ...more,
});

describe("auditFetch", () => {
  const answers = (request: Request): Response => {
    const { pathname } = new URL(request.url);
    if (pathname === "/throws") {
      throw new Error("it throws");
    }
    const status = Number(pathname.slice(1)) || 200;
    return new Response(status === 205 ? null : "ok", { status });
  };
  const ask = (path: string, init?: RequestInit) => new Request(`https://api.example${path}`, init);

  test("records nothing chosen by the client by default", async (t) => {
    const { audit, requests } = await recorder(t);
    const handler = auditFetch(audit, answers);
    const headers = { authorization: "Bearer x", "user-agent": "curl", "cf-connecting-ip": "192.0.2.1" };
    await handler(ask("/users/alice?token=x", { headers, method: "POST", body: "secret" }));
    assert.deepEqual((await requests(1)).map(plain), [
      { action: "http.request", outcome: "success", http: { method: "POST", path: "*", status: 200 } },
    ]);
  });

  test("passes on responses and errors unchanged", async (t) => {
    const { audit, requests } = await recorder(t);
    const answer = new Response("ok");
    const handler = auditFetch(audit, (request: Request, status: number) =>
      status === 200 ? answer : answers(request),
    );
    assert.equal(await handler(ask("/"), 200), answer);
    await assert.rejects(handler(ask("/throws"), 500), /^Error: it throws$/);
    assert.deepEqual((await requests(2)).map(plain), [GET("*", 200), GET("*", 500, { reason: "the handler threw" })]);
  });

  test("accepts handlers that return nothing (Bun's WebSockets) or no status (Azure)", async (t) => {
    const { audit, requests } = await recorder(t);
    const handler = auditFetch(audit, (_request, answer: Response | undefined) => answer);
    assert.equal(await handler(ask("/", { headers: { upgrade: "websocket" } }), undefined), undefined);
    assert.equal(await handler(ask("/"), undefined), undefined);
    const answer = { body: "ok" } as unknown as Response;
    assert.equal(await handler(ask("/"), answer), answer);
    assert.deepEqual((await requests(3)).map(plain), [GET("*", 101), GET("*", 204), GET("*", 200)]);
  });

  test("records what the options select", async (t) => {
    const { audit, requests } = await recorder(t);
    const handler = auditFetch(audit, (request: Request, _remote: { address: string }) => answers(request), {
      path: "actual",
      actor: (request) => request.headers.get("x-user") ?? undefined,
      tenant: () => "acme",
      ip: (_request, { address }) => address,
      userAgent: true,
      host: true,
      only: (request, { status }) => !request.url.endsWith("/health") && status !== 304,
    });
    const headers = { "x-user": "u_1", "user-agent": "curl/8", "cf-connecting-ip": "198.51.100.9", "cf-ray": "8f-AMS" };
    await handler(ask("/403?x=1", { headers }), { address: "192.0.2.1" });
    await handler(ask("/health"), { address: "192.0.2.1" });
    await handler(ask("/205"), { address: "" });
    assert.deepEqual((await requests(2)).map(plain), [
      {
        action: "http.request",
        actor: { id: "u_1" },
        tenant: "acme",
        outcome: "denied",
        http: { method: "GET", path: "/403", status: 403, host: "api.example" },
        context: { ip: "192.0.2.1", user_agent: "curl/8", request_id: "8f-AMS" },
      },
      { ...GET("/205", 205), tenant: "acme", http: { method: "GET", path: "/205", status: 205, host: "api.example" } },
    ]);
  });

  test("limits the length of values from the client", async (t) => {
    const { audit, requests } = await recorder(t);
    const handler = auditFetch(audit, answers, { path: "actual", userAgent: true });
    await handler(
      ask(`/${"a".repeat(40_000)}`, {
        headers: { "user-agent": "x".repeat(40_000), "x-request-id": "y".repeat(5000) },
      }),
    );
    await handler(ask("/", { headers: { "x-request-id": "with a blank" } }));
    const [long, odd] = await requests(2);
    assert.equal(long?.http?.path.length, 16_384);
    assert.equal(long?.context?.user_agent?.length, 16_384);
    assert.equal(long?.context?.request_id, undefined);
    assert.equal(odd?.context, undefined);
  });

  const threw = (member: string) => [["options.invalid", member, "string"]];
  for (const [name, options, expected, told] of [
    ["throws", { actor: () => assert.fail("a callback throws") }, GET("*", 200), threw("actor")],
    [
      "gives what no event can hold",
      { actor: () => ({ id: true }) as never },
      GET("*", 200),
      [["event.invalid", "actor.id", "string"]],
    ],
    [
      "gives an actor without an id, and a tenant",
      { actor: () => ({}) as never, tenant: () => "acme" },
      GET("*", 200, { tenant: "acme" }),
      [["event.invalid", "actor.id", "string"]],
    ],
    [
      "gives neither actor nor tenant",
      { actor: () => true as never, tenant: () => true as never },
      GET("*", 200),
      [
        ["event.invalid", "tenant", "string"],
        ["event.invalid", "actor", "string"],
      ],
    ],
    ["gives an empty text, as of a header that is not there", { actor: () => "", tenant: () => "" }, GET("*", 200), []],
    ["throws instead of a path", { path: () => assert.fail("no path") }, GET("*", 200), threw("path")],
    ["leaves the query in", { path: () => "/jobs/:id?token=x#y" }, GET("/jobs/:id", 200), []],
  ] as const) {
    test(`${name}: a failing callback leaves the response unchanged, and the request is recorded`, async (t) => {
      const { audit, requests } = await recorder(t);
      const errors: CountersignError[] = [];
      const handler = auditFetch(audit, answers, {
        ...options,
        onError: (error: CountersignError) => errors.push(error),
      });
      assert.equal(await (await handler(ask("/"))).text(), "ok");
      assert.deepEqual((await requests(1)).map(plain), [expected]);
      assert.deepEqual(
        errors.map(({ code, member, hint }) => [code, member, typeof hint]),
        told,
      );
    });
  }

  test("records the shape of a path", async (t) => {
    const { audit, requests } = await recorder(t);
    const handler = auditFetch(audit, answers, { path: "shape" });
    for (const path of ["/jobs/42/2026-11-20.csv?token=x", "/users/ada%40example.com", "/v1/health"]) {
      await handler(ask(path));
    }
    assert.deepEqual(
      (await requests(3)).map(({ http }) => http?.path),
      ["/jobs/{number}/{date}.csv", "/users/{email}", "/v1/health"],
    );
  });

  test("a closed recorder leaves responses unchanged", async (t) => {
    const { audit } = await recorder(t);
    await audit.close();
    const errors: CountersignError[] = [];
    const handler = auditFetch(audit, answers, { onError: (error) => errors.push(error) });
    assert.equal((await handler(ask("/"))).status, 200);
    assert.equal(errors[0]?.code, "recorder.out_of_turn");
  });

  test("rejects `ip: true`, which would trust the client", async (t) => {
    const { audit, requests } = await recorder(t);
    const refused = { code: "options.invalid", member: "ip", hint: /pass a function/ };
    assert.throws(() => auditFetch(audit, answers, { ip: true as never }), refused);
    assert.throws(() => auditHono(audit, { ip: true }), refused);
    assert.throws(() => auditNext(() => assert.fail(), { after() {}, http: { ip: true as never } }), refused);
    assert.throws(() => auditHono({ audit } as never), {
      code: "options.invalid",
      member: "audit",
      hint: /createRecorder/,
    });
    type Here = { Variables: AuditVariables; Bindings: { address: string } };
    const hono = new Hono<Here>();
    hono.use(auditHono<Here>(audit, { ip: (c) => c.env.address }));
    hono.get("/", (c) => c.text("ok"));
    await hono.request("/", { headers: { "cf-connecting-ip": "198.51.100.9" } }, { address: "192.0.2.1" });
    assert.deepEqual((await requests(1)).map(plain), [GET("/", 200, { context: { ip: "192.0.2.1" } })]);
  });

  test("rejects options of a wrong type", async (t) => {
    const { audit } = await recorder(t);
    for (const wrong of [
      { actor: "u_1" },
      { tenant: "acme" },
      { only: /jobs/ },
      { path: "shapes" },
      { requestId: true },
      { userAgent: "yes" },
      { host: 1 },
      { gate: { pack: {}, fail: "open" } },
      { onError: null },
    ]) {
      const [member] = Object.keys(wrong);
      assert.throws(() => auditHttp(audit, wrong as never), { code: "options.invalid", member, hint: /^pass / });
    }
  });
});

describe("auditHono", () => {
  interface Variables extends AuditVariables {
    user: string;
  }

  async function app(t: TestContext) {
    const recording = await recorder(t);
    const app = new Hono<{ Variables: Variables }>();
    app.use(auditHono<{ Variables: Variables }>(recording.audit, { actor: (c) => c.get("user") }));
    app.use("/jobs/*", async (c, next) => {
      c.set("user", "u_1");
      await next();
    });
    const jobs = new Hono<{ Variables: Variables }>();
    jobs.get("/:id", (c) => {
      c.var.audit.record({ action: "config.read", target: { type: "job", id: c.req.param("id") } });
      return c.text("ok");
    });
    jobs.delete("/:id", () => {
      throw new Error("it throws");
    });
    jobs.put("/:id", () => {
      throw new HTTPException(409, { message: "conflict" });
    });
    app.route("/jobs", jobs);
    app.all("/any/:thing", (c) => c.text("ok"));
    app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text("broken", 500)));
    return { ...recording, app };
  }

  test("records the route of each request", async (t) => {
    const { app: hono, requests, events } = await app(t);
    for (const [method, path] of [
      ["GET", "/jobs/42?token=x"],
      ["DELETE", "/jobs/42"],
      ["PUT", "/jobs/42"],
      ["POST", "/any/thing"],
      ["GET", "/nowhere/alice"],
    ] as const) {
      await hono.request(path, { method });
    }
    const actor = { id: "u_1" };
    assert.deepEqual((await requests(5)).map(plain), [
      GET("/jobs/:id", 200, { actor }),
      { ...GET("/jobs/:id", 500, { actor }), http: { method: "DELETE", path: "/jobs/:id", status: 500 } },
      { ...GET("/jobs/:id", 409, { actor }), http: { method: "PUT", path: "/jobs/:id", status: 409 } },
      { ...GET("", 200), http: { method: "POST", path: "/any/:thing", status: 200 } },
      GET("/*", 404),
    ]);
    assert.ok((await events()).some(({ action, target }) => action === "config.read" && target?.id === "42"));
  });

  test("explains how to provide a missing recorder", async () => {
    const hono = new Hono();
    hono.use(auditHono(() => undefined));
    let error: { code?: string; hint?: string } = {};
    hono.onError((thrown, c) => {
      error = thrown as typeof error;
      return c.text("", 500);
    });
    await hono.request("/");
    assert.equal(error.code, "options.invalid");
    assert.match(error.hint ?? "", /createRecorder.*withCountersign\(options, app\)/);
  });

  test("events recorded in a request have its ID even if requests aren't recorded", async (t) => {
    const { audit, events } = await recorder(t);
    const hono = new Hono<{ Variables: AuditVariables }>();
    hono.use(auditHono(audit, { only: () => false }));
    hono.get("/", (c) => {
      c.get("audit").record({ action: "config.read" });
      return c.text("ok");
    });
    await hono.request("/", { headers: { "x-request-id": "r-1" } });
    assert.deepEqual(await events(), [{ action: "config.read", context: { request_id: "r-1" } }]);
  });
});

/** Sends a request and aborts it before or after its response begins. */
async function giveUp(server: Server, url: string, when: "before" | "after"): Promise<void> {
  const arrived = once(server, "request");
  const sent = httpRequest(url).on("error", () => {});
  sent.end();
  if (when === "after") {
    const [response] = (await once(sent, "response")) as [NodeJS.ReadableStream];
    response.on("error", () => {});
    await once(response, "data");
  } else {
    await arrived;
  }
  sent.destroy();
}

/** A response that never ends. */
const endless: RequestListener = (request, response) => {
  if (request.url?.startsWith("/begun")) {
    response.write("first");
  }
};

describe("auditHttp with node:http", () => {
  const options: HttpOptions<{ url?: string | undefined }> = { path: "actual" };

  test("records responses of other listeners", async (t) => {
    const { audit, requests } = await recorder(t);
    const server = createServer((request, response) => {
      response.writeHead(request.url === "/403" ? 403 : 200).end("ok");
    });
    server.prependListener("request", auditHttp(audit, { ...options, ip: true, host: true }));
    const url = await listen(t, server);
    await (await fetch(`${url}/jobs?token=x`, { headers: { "x-request-id": "r-1" } })).text();
    await (await fetch(`${url}/403`)).text();
    const host = new URL(url).host;
    const context = { ip: "127.0.0.1" };
    assert.deepEqual((await requests(2)).map(plain), [
      {
        ...GET("", 200),
        http: { method: "GET", path: "/jobs", status: 200, host },
        context: { ...context, request_id: "r-1" },
      },
      { ...GET("", 403), http: { method: "GET", path: "/403", status: 403, host }, context },
    ]);
  });

  test("records no path without a route", async (t) => {
    const { audit, requests } = await recorder(t);
    const server = createServer((_, response) => response.end());
    server.prependListener("request", auditHttp(audit));
    await fetch(`${await listen(t, server)}/users/alice`);
    assert.deepEqual((await requests(1)).map(plain), [GET("*", 200)]);
  });

  for (const [name, ip] of [
    ["the connection", true],
    ["a callback", ({ socket }: IncomingMessage) => socket.remoteAddress],
  ] as const) {
    test(`keeps the address from ${name} of a client that disconnects, in IPv4 form`, async (t) => {
      const { audit, requests } = await recorder(t);
      const server = createServer(endless);
      // Simulates a dual-stack socket, which not every machine has.
      server.prependListener("connection", (socket) => {
        const address = () => (socket.destroyed ? undefined : "::ffff:192.0.2.7");
        Object.defineProperty(socket, "remoteAddress", { get: address });
      });
      server.prependListener("request", auditHttp(audit, { ip }));
      await giveUp(server, `${await listen(t, server)}/waiting`, "before");
      assert.deepEqual((await requests(1))[0]?.context, { ip: "192.0.2.7" });
    });
  }

  for (const [when, path, status] of [
    ["before", "/waiting", 499],
    ["after", "/begun", 200],
  ] as const) {
    test(`a client that disconnects ${when} the response begins is not a success`, async (t) => {
      const { audit, requests } = await recorder(t);
      const server = createServer(endless);
      server.prependListener("request", auditHttp(audit, options));
      await giveUp(server, `${await listen(t, server)}${path}`, when);
      assert.deepEqual((await requests(1)).map(plain), [
        { ...GET(path, status), outcome: "failure", reason: "the connection ended before the response did" },
      ]);
    });
  }

  test("records sequential and concurrent requests of one connection", async (t) => {
    const { audit, requests } = await recorder(t);
    const server = createServer((_, response) => response.end("ok"));
    server.prependListener("request", auditHttp(audit, options));
    const { port } = new URL(await listen(t, server));
    const socket: Socket = connect(Number(port), "127.0.0.1");
    socket.write(Array.from({ length: 20 }, (_, nth) => `GET /${nth} HTTP/1.1\r\nhost: x\r\n\r\n`).join(""));
    const found = await requests(20);
    socket.destroy();
    assert.deepEqual(
      found.map(({ http }) => http?.path),
      Array.from({ length: 20 }, (_, nth) => `/${nth}`),
    );
  });
});

describe("auditHttp with Express", () => {
  test("records the route without the parameters of a mounted router's path", async (t) => {
    const { audit, requests } = await recorder(t);
    const app = express();
    app.use(auditHttp<express.Request>(audit, { actor: (request) => request.get("x-user") }));
    app.get("/jobs/:id", (_, response) => void response.send("ok"));
    app.get("/throws/:id", () => {
      throw new Error("it throws");
    });
    const mounted = express.Router();
    mounted.get("/:id", (_, response) => void response.status(201).send("ok"));
    app.use("/tenants/:tenant/jobs", mounted);
    app.use((_error: Error, _: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).send("broken");
    });
    const url = await listen(t, createServer(app));
    for (const path of ["/jobs/42?x=1", "/throws/1", "/tenants/acme/jobs/1", "/nowhere/alice"]) {
      await (await fetch(`${url}${path}`, { headers: { "x-user": "u_1" } })).text();
    }
    const actor = { id: "u_1" };
    assert.deepEqual((await requests(4)).map(plain), [
      GET("/jobs/:id", 200, { actor }),
      GET("/throws/:id", 500, { actor }),
      GET("/*/:id", 201, { actor }),
      GET("*", 404, { actor }),
    ]);
  });
});

describe("auditHttp with Fastify", () => {
  test("records a request without a connection", async (t) => {
    const { audit, requests } = await recorder(t);
    const app = fastify();
    app.addHook("onRequest", auditHttp(audit));
    app.get("/jobs/:id", async () => "ok");
    assert.equal((await app.inject("/jobs/42")).body, "ok");
    assert.deepEqual((await requests(1)).map(plain), [GET("/jobs/:id", 200)]);
  });

  test("records the route of each request", async (t) => {
    const { audit, requests } = await recorder(t);
    const app = fastify();
    app.addHook("onRequest", auditHttp<FastifyRequest>(audit, { actor: ({ headers }) => `${headers["x-user"]}` }));
    app.get("/jobs/:id", async () => "ok");
    app.get("/throws", async () => {
      throw new Error("it throws");
    });
    app.register(
      async (mounted) => {
        mounted.get("/:id", async (_, reply) => reply.code(201).send("ok"));
      },
      { prefix: "/tenants/:tenant/jobs" },
    );
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    t.after(() => app.close());
    for (const path of ["/jobs/42?x=1", "/throws", "/tenants/acme/jobs/1", "/nowhere/alice"]) {
      await (await fetch(`${url}${path}`, { headers: { "x-user": "u_1" } })).text();
    }
    const actor = { id: "u_1" };
    assert.deepEqual((await requests(4)).map(plain), [
      GET("/jobs/:id", 200, { actor }),
      GET("/throws", 500, { actor }),
      GET("/tenants/:tenant/jobs/:id", 201, { actor }),
      GET("*", 404, { actor }),
    ]);
  });
});

describe("servers for fetch handlers", () => {
  for (const name of ["Deno", "Bun"] as const) {
    test(name, async () => {
      const child = new Child(name, new URL("node/serving.ts", import.meta.url), []);
      const line = await child.line();
      assert.deepEqual(await child.ended(), { code: 0, errors: "" });
      assert.deepEqual(JSON.parse(line ?? ""), {
        echo: "echo",
        events: [
          { method: "POST", path: "/jobs", status: 201, latency_ms: 0 },
          { method: "GET", path: "/nowhere", status: 404, latency_ms: 0 },
        ],
      });
    });
  }
});
