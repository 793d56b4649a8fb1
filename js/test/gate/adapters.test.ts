/** Tests a gate's refusals in each adapter: the response, that no handler is called, and the recorded event. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { type AuditEvent, auditFetch, type CountersignError, memory, type RecorderOptions } from "countersign";
import { withCountersign } from "countersign/cloudflare";
import { gate } from "countersign/gate";
import { type AuditVariables, auditHono, type HonoOptions } from "countersign/hono";
import { auditKoa } from "countersign/koa";
import { auditLambda } from "countersign/lambda";
import { auditNext } from "countersign/next";
import { auditHttp } from "countersign/node";
import { auditHandle, type SvelteKitEvent } from "countersign/sveltekit";
import { createTestRecorder } from "countersign/testing";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { PATHS, pack } from "./packs.ts";

const own = gate({ pack: PATHS, fail: "closed" });
await own.ready();
const { hash } = own.status().pack ?? assert.fail("not loaded");

/** Refuses paths by their end, and paths that begin like a router's mount path. */
const LONG = gate({
  pack: pack({ far: ["deny", { condition: "path", path: { "http.path": ["*/far", "/mounted/7"] } }] }),
  fail: "closed",
});

/** Returns a refused request as it is recorded. */
const refused = (status: number, path: string, more: object = {}) => ({
  action: "http.request",
  outcome: "denied",
  reason: status === 403 ? "refused by The rule internal" : "refused by The rule admin",
  http: { method: "GET", path, status },
  countersign: {
    decision: status === 403 ? "deny" : "challenge",
    rule: status === 403 ? "internal" : "admin",
    pack: hash,
  },
  ...more,
});

/** Returns the recorded requests once there are this many. */
async function requests(events: () => readonly object[], count: number): Promise<object[]> {
  const recorded = await eventually(`${count} events are recorded`, events, ({ length }) => length >= count);
  return recorded.map((event) => {
    const { http, context, ...rest } = event as AuditEvent;
    const { latency_ms: _, ...request } = http ?? assert.fail("no request");
    return { ...rest, http: request, ...(context === undefined ? {} : { context }) };
  });
}

async function recorder(t: TestContext) {
  const audit = await createTestRecorder();
  t.after(() => audit.close());
  return audit;
}

/** Requests a refused path, also in an escaped form that routers accept, a challenged one, and an allowed one. */
async function asked(ask: (path: string) => Promise<{ status: number; text(): Promise<string> }>) {
  const answers: [number, string][] = [];
  for (const path of ["/%69ntern%61l/7?x=1", "/admin", "/jobs/7"]) {
    const answer = await ask(path);
    answers.push([answer.status, await answer.text()]);
  }
  return answers;
}

const ANSWERS = [
  [403, "Forbidden.\n"],
  [401, "Log in again.\n"],
  [200, "ok"],
];

describe("gate in a server", () => {
  async function listen(t: TestContext, listener: RequestListener): Promise<(path: string) => Promise<Response>> {
    const server = createServer(listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return (path) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  }

  test("Express", async (t) => {
    const audit = await recorder(t);
    const app = express();
    app.use(auditHttp(audit, { gate: own, only: () => false }));
    let handled = 0;
    app.get("/{*all}", (_request, response) => {
      handled += 1;
      response.send("ok");
    });
    assert.deepEqual(await asked(await listen(t, app)), ANSWERS);
    assert.equal(handled, 1);
    assert.deepEqual(await requests(audit.events, 2), [refused(403, "*"), refused(401, "*")]);
  });

  test("Fastify", async (t) => {
    const audit = await recorder(t);
    const app = fastify();
    app.addHook("onRequest", auditHttp(audit, { gate: own, path: "actual" }));
    let handled = 0;
    app.get("/*", async () => {
      handled += 1;
      return "ok";
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    t.after(() => app.close());
    const { port } = app.server.address() as AddressInfo;
    assert.deepEqual(await asked((path) => fetch(`http://127.0.0.1:${port}${path}`)), ANSWERS);
    assert.equal(handled, 1);
    assert.deepEqual((await requests(audit.events, 3)).slice(0, 2), [
      refused(403, "/internal/7"),
      refused(401, "/admin"),
    ]);
  });

  test("node:http with a third argument", async (t) => {
    const audit = await recorder(t);
    const audited = auditHttp(audit, { gate: own, path: "actual" });
    const ask = await listen(t, (request, response) => audited(request, response, () => response.end("ok")));
    assert.deepEqual(await asked(ask), ANSWERS);
    assert.deepEqual((await requests(audit.events, 3)).slice(0, 2), [
      refused(403, "/internal/7"),
      refused(401, "/admin"),
    ]);
    assert.throws(
      () => audited({ headers: {}, socket: {}, url: "/" } as never, { once() {} } as never),
      ({ code, member }) => code === "options.invalid" && member === "gate",
    );
  });

  test("judges whole paths, also those of mounted routers, and the form that the program gets", async (t) => {
    const audit = await recorder(t);
    const app = express();
    app.use("/mounted", auditHttp(audit, { gate: LONG }));
    app.use(auditHttp(audit, { gate: own, path: "actual" }));
    app.use((request, response) => void response.send(request.url));
    const ask = await listen(t, app);
    for (const path of ["/mounted/7", `/mounted/${"x".repeat(12_000)}/far`, "/internal%20/%C3%a9", "/%69nternal"]) {
      assert.equal((await ask(path)).status, 403, path.slice(0, 64));
    }
    for (const [path, seen] of [
      ["/mounted/x", "/mounted/x"],
      ["/j%6Fbs/%7Ea%2da?q=%6f", "/jobs/~a-a?q=%6f"],
      ["/%c3%a9/a%20b%3a", "/%C3%A9/a%20b%3A"],
    ] as const) {
      const response = await ask(path);
      assert.deepEqual([response.status, await response.text()], [200, seen]);
    }
    const recorded = (await requests(audit.events, 7)).map((event) => (event as AuditEvent).http?.path);
    assert.ok(
      ["/internal /\u00e9", "/jobs/~a-a", "/\u00e9/a b:"].every((path) => recorded.includes(path)),
      `${recorded}`,
    );
  });

  test("judges the whole path and the rest of it where a mount leaves no base, as in Connect", async (t) => {
    const audit = await recorder(t);
    const rules = pack({
      whole: ["deny", { condition: "it", it: { "http.path": "/api/internal" } }],
      rest: ["deny", { condition: "it", it: { "http.path": "/other" } }],
    });
    const audited = auditHttp(audit, { gate: gate({ pack: rules, fail: "closed" }), path: "actual" });
    const ask = await listen(t, (request, response) => {
      const { url = "" } = request;
      Object.assign(request, { originalUrl: url, url: url.replace("/api", "") });
      audited(request, response, () => response.end(request.url));
    });
    const answers = [];
    for (const path of ["/api/internal", "/api/%69nternal", "/api/other", "/internal", "/api/j%6Fbs"]) {
      const response = await ask(path);
      answers.push([response.status, response.ok ? await response.text() : ""]);
    }
    assert.deepEqual(answers, [
      [403, ""],
      [403, ""],
      [403, ""],
      [200, "/internal"],
      [200, "/jobs"],
    ]);
    const recorded = (await requests(audit.events, 5)).map((event) => (event as AuditEvent).http?.path);
    assert.deepEqual(recorded, ["/api/internal", "/api/internal", "/api/other", "/internal", "/api/jobs"]);
  });

  test("rejects ambiguous paths, and records them as requested", async (t) => {
    const audit = await recorder(t);
    const app = express();
    app.use(auditHttp(audit, { gate: gate({ pack: PATHS, fail: "open" }), path: "actual" }));
    app.use((_request, response) => void response.send("ok"));
    const ask = await listen(t, app);
    const response = await ask("/x/..%2finternal");
    assert.deepEqual([response.status, await response.text()], [400, "Bad request.\n"]);
    const [event] = (await requests(audit.events, 1)) as AuditEvent[];
    assert.deepEqual(
      [event?.outcome, event?.reason, event?.http, event?.countersign],
      [
        "denied",
        "rejected: the path contains an encoded slash",
        { method: "GET", path: "/x/..%2finternal", status: 400 },
        { decision: "deny", rule: "path.ambiguous" },
      ],
    );
  });

  test("judges the whole user agent and method, and records both", async (t) => {
    const audit = await recorder(t);
    const rules = pack({ scanner: ["deny", { condition: "it", it: { "context.user_agent|contains": "sqlmap" } }] });
    const app = express();
    app.use(auditHttp(audit, { gate: gate({ pack: rules, fail: "closed" }), userAgent: true }));
    app.use((_request, response) => void response.send("ok"));
    const server = createServer(app).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const agent = `${"A".repeat(12_000)}sqlmap`;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    assert.equal((await fetch(url, { headers: { "user-agent": agent, connection: "close" } })).status, 403);
    const [event] = (await requests(audit.events, 1)) as AuditEvent[];
    assert.equal(event?.context?.user_agent, agent);
  });

  test("judges HEAD as GET as well, because routers answer it with that handler", async (t) => {
    const audit = await recorder(t);
    const it = { "http.method": "GET", "http.path": "/export" };
    const rules = pack({ exports: ["deny", { condition: "it", it }] });
    const own = gate({ pack: rules, fail: "closed" });
    let handled = 0;
    const app = express();
    app.use(auditHttp(audit, { gate: own, path: "actual" }));
    const hono = new Hono<{ Variables: AuditVariables }>();
    hono.use(auditHono(audit, { gate: own, path: "actual" }));
    for (const path of ["/export", "/jobs"]) {
      app.get(path, (_request, response) => {
        handled += 1;
        response.end();
      });
      hono.get(path, (context) => {
        handled += 1;
        return context.body(null);
      });
    }
    const server = createServer(app).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const init = { method: "HEAD", headers: { connection: "close" } };
    for (const ask of [
      (path: string) => fetch(origin + path, init),
      async (path: string) => hono.request(path, init),
    ]) {
      handled = 0;
      assert.equal((await ask("/export")).status, 403);
      assert.equal(handled, 0);
      assert.equal((await ask("/jobs")).status, 200);
      assert.equal(handled, 1);
    }
    const events = (await requests(audit.events, 4)) as AuditEvent[];
    assert.deepEqual(new Set(events.map(({ http }) => http?.method)), new Set(["HEAD"]));
  });

  test("callbacks that return no path", async (t) => {
    const audit = await recorder(t);
    const path = ({ url }: { url?: string }) => (url === "/internal/8" ? assert.fail("it threw") : undefined);
    const audited = auditHttp(audit, { gate: own, path, onError() {} });
    const ask = await listen(t, (request, response) => audited(request, response, () => response.end("ok")));
    for (const path of ["/internal/7", "/internal/8"]) {
      assert.equal((await ask(path)).status, 403, path);
    }
    assert.equal((await ask("/jobs")).status, 200);
  });

  test("asynchronous gates", async (t) => {
    const audit = await recorder(t);
    const slow = { ...own, answer: own.answer.bind(own), decide: async (event: AuditEvent) => own.decide(event) };
    const audited = auditHttp(audit, { gate: slow as never, path: "actual" });
    const ask = await listen(t, (request, response) => audited(request, response, () => response.end("ok")));
    assert.deepEqual(await asked(ask), ANSWERS);
  });
});

describe("hosts", () => {
  const HOSTS = pack({ host: ["deny", { condition: "it", it: { "http.host|startswith": "admin.internal" } }] });

  /** Sends a request as it is, and returns the status. */
  const sent = async (server: Server, request: string): Promise<number> => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.end(`${request}Connection: close\r\n\r\n`, "latin1");
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]);
  };

  /** Hosts that parsing as a URL changes. */
  const ABNORMAL = [
    "admin.internal:",
    "admin.internal:080",
    "admin%2einternal",
    "%61dmin.internal",
    "ad\u00admin.internal",
    "user@admin.internal",
    "127.1",
    "0x7f.0.0.1",
    "[0::1]",
    "public:80:80",
    "public:65536",
    "[::1",
  ];
  const NORMAL = [
    "Public:80",
    "public:443",
    "public:8080",
    "127.0.0.1",
    "[::1]:3000",
    "a_b.public",
    "xn--mnchen-3ya.de",
  ];

  const REQUESTS: readonly (readonly [number, string])[] = [
    [200, "GET / HTTP/1.1\r\nHost: public\r\n"],
    [200, "GET http://PUBLIC:80/ HTTP/1.1\r\nHost: public\r\n"],
    [403, "GET / HTTP/1.1\r\nHost: admin.internal\r\n"],
    [403, "GET http://admin.internal/ HTTP/1.1\r\nHost: admin.internal\r\n"],
    [400, "GET http://public/ HTTP/1.1\r\nHost: admin.internal\r\n"],
    [400, "GET http://admin.internal/ HTTP/1.1\r\nHost: public\r\n"],
    [400, "GET / HTTP/1.1\r\nHost: public\r\nHost: admin.internal\r\n"],
    [400, "GET / HTTP/1.1\r\nHost: public,admin.internal\r\n"],
    [400, "GET / HTTP/1.1\r\nHost:\r\n"],
    ...ABNORMAL.map((host) => [400, `GET / HTTP/1.1\r\nHost: ${host}\r\n`] as const),
    ...NORMAL.map((host) => [200, `GET / HTTP/1.1\r\nHost: ${host}\r\n`] as const),
    [400, "GET / HTTP/1.0\r\n"],
  ];

  for (const fail of ["open", "closed"] as const) {
    test(`auditHttp and auditKoa in node:http, with a gate that fails ${fail}`, async (t) => {
      const audit = await recorder(t);
      const own = gate({ pack: HOSTS, fail, onError() {} });
      const audited = auditHttp(audit, { gate: own });
      const koa = auditKoa(audit, { gate: own });
      const listeners: RequestListener[] = [
        (request, response) => audited(request, response, () => response.end("ok")),
        async (req, res) => {
          const { method = "", url = "" } = req;
          const known = { req, res, method, url, host: req.headers.host ?? "" };
          const context = { ...known, state: {}, status: 200, body: undefined as unknown, set() {} };
          await koa(context, async () => {});
          res.writeHead(context.status).end();
        },
      ];
      for (const listener of listeners) {
        const server = createServer(listener).listen(0, "127.0.0.1");
        t.after(() => server.close());
        await once(server, "listening");
        for (const [status, request] of REQUESTS) {
          assert.equal(await sent(server, request), status, request);
        }
      }
    });
  }

  test("auditHttp in node:http2 judges :authority", async (t) => {
    const audited = auditHttp(await recorder(t), { gate: gate({ pack: HOSTS, fail: "closed" }) });
    const server = createHttp2Server((request, response) =>
      audited(request as never, response as never, () => response.end("ok")),
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      client.close();
      server.close();
    });
    for (const [status, headers] of [
      [200, { ":authority": "public" }],
      [200, { ":authority": "public", host: "public" }],
      [403, { ":authority": "admin.internal" }],
      [400, { ":authority": "admin.internal", host: "public" }],
    ] as const) {
      const stream = client.request({ ":path": "/", ...headers });
      const [answer] = await once(stream, "response");
      stream.resume();
      assert.equal(answer[":status"], status, JSON.stringify(headers));
    }
  });

  test("auditFetch judges the host of the URL and the header", async (t) => {
    const own = gate({ pack: HOSTS, fail: "closed" });
    const handler = auditFetch(await recorder(t), () => new Response("ok"), { gate: own });
    const status = async (host: string, header: string) =>
      (await handler(new Request(`https://${host}/`, { headers: { host: header } }))).status;
    assert.equal(await status("localhost:3000", "public"), 200);
    assert.equal(await status("admin.internal", "public"), 403);
    assert.equal(await status("public", "admin.internal"), 403);
    assert.equal(await status("public", ""), 400);
    for (const host of ABNORMAL) {
      assert.equal(await status("public", host), 400, host);
    }
    for (const host of NORMAL) {
      assert.equal(await status("public", host), 200, host);
    }
  });

  test("a host with a final dot is judged without it as well", async (t) => {
    const hosts = { exact: ["admin.internal", "admin.internal:8080"], dotted: ["*.example."] };
    const rules = Object.entries(hosts).map(([id, host]) => [
      id,
      ["deny", { condition: "it", it: { "http.host": host } }] as const,
    ]);
    const own = gate({ pack: pack(Object.fromEntries(rules)), fail: "closed" });
    const handler = auditFetch(await recorder(t), () => new Response("ok"), { gate: own });
    for (const [host, expected] of [
      ["admin.internal", 403],
      ["admin.internal.", 403],
      ["admin.internal.:8080", 403],
      ["jobs.example.", 403],
      ["jobs.example", 200],
      ["public.", 200],
    ] as const) {
      assert.equal((await handler(new Request(`http://${host}/`))).status, expected, host);
    }
  });
});

test("a response without content is sent without a body", async (t) => {
  const silent = gate({ pack: PATHS, fail: "closed", respond: () => ({ status: 204 }) });
  const handler = auditFetch(await recorder(t), () => new Response("ok"), { gate: silent });
  assert.equal((await handler(new Request("https://api.example/internal"))).status, 204);
});

test("auditFetch", async (t) => {
  const audit = await recorder(t);
  let handled = 0;
  const handler = auditFetch(
    audit,
    () => {
      handled += 1;
      return new Response("ok");
    },
    { gate: own, ip: () => "192.0.2.1", path: "actual", actor: () => "u_1" },
  );
  assert.deepEqual(await asked((path) => handler(new Request(`https://api.example${path}`))), ANSWERS);
  assert.equal(handled, 1);
  const more = { actor: { id: "u_1" }, context: { ip: "192.0.2.1" } };
  assert.deepEqual((await requests(audit.events, 3)).slice(0, 2), [
    refused(403, "/internal/7", more),
    refused(401, "/admin", more),
  ]);
});

describe("failing callbacks", () => {
  const throws = () => assert.fail("it threw");
  for (const [name, options] of Object.entries<object>({
    "an actor that throws": { actor: throws },
    "an actor that comes later": { actor: async () => "u_1" },
    "a tenant that throws": { tenant: throws },
    "a tenant that comes later": { tenant: async () => "t_1" },
    "an address that throws": { ip: throws },
    "an address that comes later": { ip: async () => "192.0.2.1" },
  })) {
    test(name, async (t) => {
      const audit = await recorder(t);
      for (const [fail, status] of [
        ["closed", 503],
        ["open", 200],
      ] as const) {
        const errors: string[] = [];
        const own = gate({ pack: PATHS, fail, onError: ({ code }) => errors.push(code) });
        const handler = auditFetch(audit, () => new Response("ok"), { ...options, gate: own, onError() {} } as never);
        const at = async (path: string) => (await handler(new Request(`https://api.example${path}`))).status;
        assert.deepEqual([await at("/jobs"), await at("/internal"), await at("/healthz")], [status, 403, 200]);
        assert.equal(own.status().lastError?.code, errors[0]);
        assert.equal(errors[0], "options.invalid");
      }
    });
  }

  for (const [name, options] of Object.entries<object>({
    "an actor whose id is no text": { actor: () => ({ id: true }) },
    "a tenant that is no text": { tenant: () => true },
  })) {
    test(`${name} is input, which is rejected in both modes`, async (t) => {
      const audit = await recorder(t);
      for (const fail of ["open", "closed"] as const) {
        const own = gate({ pack: PATHS, fail, onError() {} });
        const handler = auditFetch(audit, () => new Response("ok"), { ...options, gate: own, onError() {} } as never);
        const at = async (path: string) => (await handler(new Request(`https://api.example${path}`))).status;
        assert.deepEqual([await at("/jobs"), await at("/internal"), await at("/healthz")], [400, 403, 200]);
        assert.equal(own.status().lastError?.code, "event.invalid");
      }
    });
  }

  test("an address unknown to the framework, which no option asks for", async (t) => {
    const handle = auditHandle(await recorder(t), { gate: own, onError() {} });
    const request = new Request("https://api.example/jobs");
    const url = new URL(request.url);
    const event: SvelteKitEvent = { request, url, route: { id: "/jobs" }, locals: {}, getClientAddress: throws };
    assert.equal((await handle({ event, resolve: () => new Response("ok") })).status, 200);
  });

  test("a path that isn't a string", async (t) => {
    const audit = await recorder(t);
    const errors: (string | undefined)[] = [];
    const handler = auditFetch(audit, () => new Response("ok"), {
      gate: own,
      path: async () => "/jobs",
      onError: ({ member }: CountersignError) => errors.push(member),
    } as never);
    const at = async (path: string) => (await handler(new Request(`https://api.example${path}`))).status;
    assert.deepEqual([await at("/jobs"), await at("/internal")], [200, 403]);
    assert.deepEqual(new Set(errors), new Set(["path"]));
    assert.equal((await requests(audit.events, 2)).length, 2);
  });
});

test("withCountersign rejects a gate for a class", () => {
  class Base {}
  const settings = { http: { gate: own } } as object;
  assert.throws(() => withCountersign({}, Base, settings), {
    code: "options.invalid",
    member: "http",
    message: "`http` can't be used with a class",
    hint: /auditFetch/,
  });
});

test("auditHono", async (t) => {
  const audit = await recorder(t);
  const app = new Hono<{ Variables: AuditVariables }>();
  app.use(auditHono(audit, { gate: own, path: "actual" }));
  let handled = 0;
  app.get("*", (context) => {
    handled += 1;
    return context.text("ok");
  });
  assert.deepEqual(await asked(async (path) => app.request(path)), ANSWERS);
  assert.equal(handled, 1);
  assert.deepEqual((await requests(audit.events, 3)).slice(0, 2), [
    refused(403, "/internal/7"),
    refused(401, "/admin"),
  ]);
});

test("auditHono believes cf-connecting-ip only in Workers", async (t) => {
  const audit = await recorder(t);
  const limits = [{ name: "logins", by: "address", max: 1, windowMs: 60_000 }] as const;
  const statuses = async (fail: "open" | "closed", options: HonoOptions = {}) => {
    const errors: string[] = [];
    const limited = gate({ pack: PATHS, fail, limits, onError: ({ message }) => errors.push(message) });
    const app = new Hono().use(auditHono(audit, { ...options, gate: limited })).get("*", (c) => c.text("ok"));
    const found: number[] = [];
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      found.push((await app.request("/jobs", { headers: { "cf-connecting-ip": address } })).status);
    }
    return { found, errors };
  };
  const missing = Array(2).fill("the limit logins needs the client's address");
  assert.deepEqual(await statuses("closed"), { found: [503, 503], errors: missing });
  assert.deepEqual(await statuses("open"), { found: [200, 200], errors: missing });
  assert.deepEqual(await statuses("closed", { ip: () => "198.51.100.1" }), { found: [200, 429], errors: [] });
});

test("auditHandle", async (t) => {
  const audit = await recorder(t);
  const handle = auditHandle(audit, { gate: own });
  let handled = 0;
  const ask = (path: string) => {
    const event: SvelteKitEvent = {
      request: new Request(`https://api.example${path}`),
      url: new URL(`https://api.example${path}`),
      route: { id: "/[...all]" },
      locals: {},
      getClientAddress: () => "192.0.2.1",
    };
    const resolve = () => {
      handled += 1;
      return new Response("ok");
    };
    return handle({ event, resolve });
  };
  assert.deepEqual(await asked(ask), ANSWERS);
  assert.equal(handled, 1);
  assert.deepEqual((await requests(audit.events, 3)).slice(0, 2), [
    refused(403, "/[...all]"),
    refused(401, "/[...all]"),
  ]);
});

test("auditHandle judges the path that SvelteKit routes by, and both paths of remote functions", async (t) => {
  const handle = auditHandle(await recorder(t), { gate: own });
  const status = async (requested: string, read: string, isRemoteRequest = false) => {
    const event: SvelteKitEvent = {
      request: new Request(`https://api.example${requested}`),
      url: Object.assign(new URL("https://api.example/"), { pathname: read }),
      isRemoteRequest,
      route: { id: null },
      locals: {},
      getClientAddress: () => "192.0.2.1",
    };
    return (await handle({ event, resolve: () => new Response("ok") })).status;
  };
  assert.equal(await status("/healthz/__data.json", "/healthz"), 200);
  assert.equal(await status("/x/__data.json", "/admin"), 401);
  assert.equal(await status("/x/__data.json", "/x/..%2fadmin"), 400);
  assert.equal(await status("/_app/remote/1/read", "/jobs", true), 200);
  assert.equal(await status("/_app/remote/1/read", "/admin", true), 401);
  assert.equal(await status("/internal/remote/1/read", "/healthz", true), 403);
  assert.equal(await status("/_app/remote/1%2fread", "/jobs", true), 400);
  assert.equal(await status("/_app/remote/1/read", "//admin", true), 400);
});

test("auditHandle judges the path of a remote function that a page's form calls", async (t) => {
  const rules = pack({ remote: ["deny", { condition: "it", it: { "http.path": "/_app/remote/1/delete" } }] });
  const handle = auditHandle(await recorder(t), { gate: gate({ pack: rules, fail: "closed" }) });
  const status = async (path: string, method = "POST") => {
    const event: SvelteKitEvent = {
      request: new Request(`https://api.example${path}`, { method }),
      url: new URL(`https://api.example${path}`),
      route: { id: "/" },
      locals: {},
      getClientAddress: () => "192.0.2.1",
    };
    return (await handle({ event, resolve: () => new Response("ok") })).status;
  };
  assert.equal(await status("/?/remote=1/delete"), 403);
  assert.equal(await status("/jobs?x=1&%2Fremote=1%2Fdelete/%22key%22&/remote=1/read"), 403);
  assert.equal(await status("/?/remote=1/..%2fdelete"), 400);
  assert.equal(await status("/?/remote=1/read"), 200);
  assert.equal(await status("/?/save"), 200);
  assert.equal(await status("/?/remote=1/delete", "GET"), 200);
});

test("auditKoa", async (t) => {
  const audit = await recorder(t);
  const middleware = auditKoa(audit, { gate: own, path: "actual" });
  const context = (path: string, originalUrl = path) => {
    const finished: (() => void)[] = [];
    const res = {
      closed: false,
      writableFinished: true,
      headersSent: true,
      get statusCode(): number {
        return own.status;
      },
      once: (event: string, told: () => void) => event === "finish" && finished.push(told),
    };
    const own = {
      method: "GET",
      url: path,
      originalUrl,
      host: "api.example",
      req: { headers: {}, socket: { remoteAddress: "192.0.2.1" } },
      res,
      state: {},
      status: 404,
      body: undefined as unknown,
      headers: {} as Record<string, string>,
      set: (headers: Record<string, string>) => Object.assign(own.headers, headers),
    };
    return { own, finish: () => finished.map((told) => told()) };
  };
  let handled = 0;
  for (const [path, status] of [
    ["/internal/7", 403],
    ["/admin", 401],
    ["/jobs", 200],
  ] as const) {
    const { own, finish } = context(path);
    await middleware(own as never, async () => {
      handled += 1;
      own.status = 200;
    });
    finish();
    assert.equal(own.status, status);
  }
  assert.equal(handled, 1);
  assert.deepEqual((await requests(audit.events, 3)).slice(0, 2), [
    refused(403, "/internal/7"),
    refused(401, "/admin"),
  ]);
  // Mounted apps get the rest of the path.
  for (const [path, original, status] of [
    ["/7", "/internal/7", 403],
    ["/internal/7", "/x/internal/7", 403],
    ["/j%6Fbs", "/x/j%6Fbs", 200],
  ] as const) {
    const { own } = context(path, original);
    await middleware(own as never, async () => {
      own.status = 200;
    });
    assert.deepEqual([own.status, own.url], [status, status === 200 ? "/jobs" : path]);
  }
});

describe("gate in adapters that create the recorder", () => {
  const options = () => {
    const exported = memory();
    const made = (): RecorderOptions => ({ key: EMITTERS[0].secret, origin: ORIGIN, to: exported });
    const events = () =>
      exported
        .text()
        .split("\n")
        .filter((line) => line !== "")
        .flatMap((line) => (JSON.parse(line) as { event?: object }).event ?? []);
    return { made, events };
  };

  test("auditNext: a route handler", async () => {
    const { made, events } = options();
    const after: unknown[] = [];
    const audited = auditNext(made, { after: (work) => after.push(work), http: { gate: own, path: "actual" } });
    let handled = 0;
    const GET = audited(async () => {
      handled += 1;
      return new Response("ok");
    });
    assert.deepEqual(
      await asked((path) => GET(new Request(`https://api.example${path}`), { params: Promise.resolve({}) })),
      ANSWERS,
    );
    assert.equal(handled, 1);
    await Promise.all(after);
    assert.deepEqual((await requests(events, 3)).slice(0, 2), [refused(403, "/internal/7"), refused(401, "/admin")]);
    // Server actions receive no request.
    assert.equal(await audited.action(async (_audit, text: string) => text)("done"), "done");
  });

  test("auditLambda: each kind of request", async () => {
    const { made, events } = options();
    let handled = 0;
    const handler = auditLambda<unknown, never, unknown>(
      made,
      async () => {
        handled += 1;
        return { statusCode: 200, body: "ok" };
      },
      { http: { gate: own, ip: true } },
    );
    const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 3_000 } as never;
    const shapes = [
      {
        version: "2.0",
        routeKey: "GET /internal/{id}",
        rawPath: "/internal/7",
        headers: { host: "api.example" },
        requestContext: { http: { method: "GET", path: "/internal/7", sourceIp: "192.0.2.1" } },
      },
      {
        httpMethod: "GET",
        path: "/internal/7",
        resource: "/internal/{id}",
        headers: null,
        requestContext: { identity: { sourceIp: "192.0.2.1" } },
      },
    ];
    for (const event of shapes) {
      assert.deepEqual(await handler(event, context), {
        statusCode: 403,
        headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
        body: "Forbidden.\n",
      });
    }
    assert.deepEqual(await handler({ Records: [] }, context), { statusCode: 200, body: "ok" });
    assert.equal(handled, 1);
    const one = refused(403, "/internal/{id}", { context: { ip: "192.0.2.1", request_id: "r_1" } });
    assert.deepEqual(await requests(events, 2), [one, one]);
  });

  test("auditLambda: all values of headers, and requests that can't be judged", async () => {
    const { made, events } = options();
    const rules = pack({
      agent: ["deny", { condition: "it", it: { "context.user_agent|contains": "sqlmap" } }],
      host: ["deny", { condition: "it", it: { "http.host": "admin.internal" } }],
    });
    const judging = gate({ pack: rules, fail: "open" });
    let handled = 0;
    const handler = auditLambda<unknown, never, { statusCode: number }>(
      made,
      async () => {
        handled += 1;
        return { statusCode: 200 };
      },
      { http: { gate: judging } },
    );
    const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 3_000 } as never;
    const balancer = { requestContext: { elb: {} }, httpMethod: "GET", path: "/" };
    const requests: readonly (readonly [number, object])[] = [
      [200, { ...balancer, multiValueHeaders: { host: ["public"], "user-agent": ["curl/8"] } }],
      [200, { ...balancer, headers: { Host: "public" }, multiValueHeaders: { Host: ["public"] } }],
      [403, { ...balancer, multiValueHeaders: { host: ["admin.internal"] } }],
      [403, { ...balancer, multiValueHeaders: { host: ["public"], "User-Agent": ["curl/8", "sqlmap/1"] } }],
      [400, { ...balancer, multiValueHeaders: { host: ["public", "admin.internal"] } }],
      [400, { ...balancer, headers: { host: "public", HOST: "admin.internal" } }],
      [400, { ...balancer, path: "", headers: { host: "public" } }],
      [400, { requestContext: { routeKey: "$connect", eventType: "CONNECT" }, headers: { Host: "public" } }],
      [400, { requestContext: { routeKey: "$default", eventType: "MESSAGE" }, body: "{}" }],
      [400, { raw_path: "/", method: "GET" }],
      [400, { info: { fieldName: "jobs" }, request: { headers: {} } }],
      [400, [{ info: { fieldName: "jobs" }, request: { headers: {} } }]],
      [400, [{ ...balancer, headers: { host: "public" } }]],
      [400, { getObjectContext: {}, userRequest: { url: "https://b.example/x", headers: { Host: "b.example" } } }],
      [200, [{ eventSource: "aws:sqs" }]],
      [400, { Records: [{ cf: { request: { method: "GET", uri: "/" } } }] }],
      [200, { Records: [{ eventSource: "aws:sqs", body: "{}" }] }],
      [200, { id: 7 }],
    ];
    for (const [status, event] of requests) {
      assert.equal((await handler(event, context)).statusCode, status, JSON.stringify(event));
    }
    assert.equal(handled, 5);
    const recorded = (events() as AuditEvent[]).filter(({ http }) => http?.method === "*");
    assert.deepEqual(
      recorded.map(({ reason, http }) => [reason, http?.path, http?.status]),
      Array(9).fill(["rejected: the event isn't an HTTP request of a known kind", "*", 400]),
    );
  });

  test("auditLambda: streamed responses, as in the README", async () => {
    const { made, events } = options();
    const audited = auditLambda(
      made,
      async ({ stream }: { stream: PassThrough; rawPath: string }) => {
        stream.end("ok");
        return { statusCode: 200, body: undefined as string | undefined };
      },
      { http: { gate: own } },
    );
    const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 3_000 };
    const streamed = async (rawPath: string) => {
      const stream = new PassThrough();
      const headers = { host: "api.example" };
      const event = { rawPath, headers, requestContext: { http: { method: "GET", sourceIp: "192.0.2.1" } } };
      const { body } = await audited({ ...event, stream }, context);
      if (!stream.writableEnded) {
        stream.end(body);
      }
      return await text(stream);
    };
    assert.deepEqual(await Promise.all(["/internal/7", "/jobs"].map(streamed)), ["Forbidden.\n", "ok"]);
    assert.equal((await requests(events, 2)).length, 2);
  });
});
