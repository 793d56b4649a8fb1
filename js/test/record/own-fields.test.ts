/**
 * Tests that a polluted `Object.prototype` affects neither options nor events: for each name of an option and a field,
 * and several values, the same is recorded as without.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Audit,
  type AuditEvent,
  asyncContext,
  auditFetch,
  change,
  createRecorder,
  defineEvents,
  generateKey,
  memory,
  recordMany,
} from "countersign";
import { auditHono } from "countersign/hono";
import { createIssuer } from "countersign/issuer";
import { auditKoa } from "countersign/koa";
import { auditLambda } from "countersign/lambda";
import { auditNext } from "countersign/next";
import { auditHttp } from "countersign/node";
import { AuditLogProcessor, traced } from "countersign/opentelemetry";
import { postgresRecorder } from "countersign/postgres";
import { auditHandle } from "countersign/sveltekit";
import { createTestRecorder } from "countersign/testing";
import { verify } from "countersign/verify";
import { Hono } from "hono";
import { field, hasField, ownFields } from "../../packages/countersign/dist/own.js";
import { ISSUER, LOG } from "../conformance/setup.ts";

/** Fields of events and their objects. */
const FIELDS = [
  ..."action actor target outcome reason occurred_at tenant tenants context http before after metadata countersign".split(
    " ",
  ),
  ..."id type session credential ip user_agent geo country lat lon request_id region trace_id span_id".split(" "),
  ..."method path status latency_ms decision rule pack finding".split(" "),
];

/** Names of options. Without `name` and `host`, which break Node.js itself. */
const OPTIONS = [
  ..."key to log origin outbox autoFlush pathShapes redact path events beforeRecord onInvalid maxWaitingBytes onFull onError".split(
    " ",
  ),
  ..."timeoutMs retry vkey privateKey sign url fetch maxEvents maxBytes maxDelayMs initialDelayMs maxDelayMs".split(
    " ",
  ),
  ..."only also keep retryForMs maxWaitMs maxAgeMs windowMs request audit requestId userAgent gate fail watchlist limits respond".split(
    " ",
  ),
  ..."skip onProgress signal toEvent useFactory inject imports required after connect recorder table".split(" "),
  ..."pollIntervalMs prefix issuer fallback from init until ttlMs since authorize origins first signals".split(" "),
  ..."AsyncLocalStorage trust pins expect threads onEvents onMarks onFinding range".split(" "),
  ..."refusal begun close orphans binding http settings toJSON member hint line cause".split(" "),
  // Set by the factory, not by options.
  ..."manyContexts now random inContexts readKey wrapped".split(" "),
];

const VALUES: readonly unknown[] = [{ id: "attacker", request_id: "attacker" }, "attacker", 7, true];

const NAMES = [...new Set([...FIELDS, ...OPTIONS])];

/** Runs work while `Object.prototype` has an additional field. */
async function polluted<T>(name: string, value: unknown, work: () => T): Promise<Awaited<T>> {
  const before = Object.getOwnPropertyDescriptor(Object.prototype, name);
  Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true, writable: true });
  try {
    return await work();
  } finally {
    delete (Object.prototype as Record<string, unknown>)[name];
    if (before !== undefined) {
      Object.defineProperty(Object.prototype, name, before);
    }
  }
}

const audit = await createTestRecorder();

const koa = () => {
  const done: (() => void)[] = [];
  const res = { closed: false, writableFinished: true, headersSent: true, statusCode: 200 };
  const once = (_: string, told: () => void) => done.push(told);
  const req = { headers: { "x-request-id": "r_1" }, socket: {} };
  return {
    context: {
      method: "GET",
      url: "/",
      host: "h",
      req,
      res: { ...res, once },
      state: {},
      status: 0,
      body: 0,
      set() {},
    },
    done,
  };
};

const later: Promise<unknown>[] = [];
const events = defineEvents({ "job.delete": schemaOf() });
const transactional = await postgresRecorder();

function schemaOf() {
  return { "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) } };
}

/** Uses of the public API, each called with a polluted prototype. */
const USES: Record<string, () => unknown> = {
  record: () => audit.record({ action: "a.b" }),
  "record of what has fields": () =>
    audit.record({ action: "a.b", actor: { id: "ada" }, target: { type: "t", id: "1" }, context: { ip: "::1" } }),
  "record of what is copied": () => audit.record({ action: "a.b", metadata: { error: new Map([["a", 1n]]) } }),
  "record of a class": () =>
    audit.record(
      new (class {
        action = "a.b";
        get actor() {
          return { id: "ada" };
        }
      })(),
    ),
  recordJson: () => audit.recordJson('{"action":"a.b"}'),
  with: () => audit.with({ actor: "ada" }).record({ action: "a.b" }),
  "with and an event of its own": () => audit.with({}).record({ action: "a.b", context: { region: "eu" } }),
  "with and a request": () => audit.with({ request: { headers: { "x-request-id": "r" } } }).record({ action: "a.b" }),
  "with, twice": () =>
    audit
      .with({ tenant: "t" })
      .with({ actor: { id: "u" } })
      .record({ action: "a.b" }),
  "with and text": () => audit.with({ actor: "ada" }).recordJson('{"action":"a.b"}'),
  asyncContext: () => asyncContext(audit).with({ actor: "ada" }, (audit) => audit.record({ action: "a.b" })),
  traced: () => traced(audit, () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16) })).record({ action: "a.b" }),
  change: () => audit.record({ action: "a.b", ...change({ a: 1 }, { a: 2 }) }),
  recordMany: () => recordMany(audit, [{ action: "a.b", occurred_at: "2026-01-01T00:00:00.000Z" }]),
  auditFetch: () => {
    const handle = auditFetch(
      audit,
      () => {
        audit.record({ action: "in.request" });
        return RESPONSE;
      },
      { actor: () => "ada" },
    );
    return handle(REQUEST);
  },
  "auditFetch without options": () => auditFetch(audit, () => RESPONSE)(REQUEST),
  auditHono: () => HONO.fetch(REQUEST, {}, undefined),
  auditKoa: async () => {
    const { context, done } = koa();
    await auditKoa(audit, { actor: () => "ada" })(context as never, async () => {
      (context.state as { audit: typeof audit }).audit.record({ action: "in.request" });
    });
    done[0]?.();
  },
  auditHttp: () => {
    const { context, done } = koa();
    const request = { method: "GET", url: "/", headers: context.req.headers, socket: {} };
    auditHttp(audit, { actor: () => "ada" })(request as never, context.res as never, () => {
      audit.record({ action: "in.request" });
    });
    done[0]?.();
  },
  auditHandle: () => {
    const event = {
      request: REQUEST,
      url: new URL(REQUEST.url),
      route: { id: "/" },
      locals: {} as { audit?: typeof audit },
      getClientAddress: () => "",
    };
    return auditHandle(audit, { actor: () => "ada" })({
      event,
      resolve: () => {
        event.locals.audit?.record({ action: "in.request" });
        return RESPONSE;
      },
    });
  },
  AuditLogProcessor: () =>
    new AuditLogProcessor(audit).onEmit({
      hrTime: [1, 0],
      instrumentationScope: { name: "jobs" },
      attributes: { "user.id": "ada", "error.type": "x" },
      eventName: "a.b",
      droppedAttributesCount: 0,
    }),
  defineEvents: () => events.check({ action: "job.delete" }),
  postgresRecorder: () => transactional.row({ action: "a.b", occurred_at: "2026-01-01T00:00:00.000Z" }).event,
};

const REQUEST = new Request("https://example.com/jobs", { headers: { "x-request-id": "r_1" } });
const RESPONSE = new Response("ok");
const HONO = new Hono<{ Variables: { audit: typeof audit } }>();
HONO.use(auditHono(audit, { actor: () => "ada" }) as never);
HONO.get("/jobs", (context) => {
  context.var.audit.record({ action: "in.request" });
  return RESPONSE;
});

/** Returns the outcome of a use: its events, and its result. */
async function outcome(use: () => unknown): Promise<string> {
  audit.clear();
  const given = await use();
  return JSON.stringify({ events: audit.events(), given: typeof given === "string" ? given : null });
}

/** Parses an outcome without durations. */
function parsed(outcome: string): unknown {
  return JSON.parse(outcome.replaceAll(/"latency_ms":\d+/g, '"latency_ms":0'));
}

for (const [name, use] of Object.entries(USES)) {
  test(`${name} ignores fields of a polluted Object.prototype`, async () => {
    const clean = parsed(await outcome(use));
    for (const field of NAMES) {
      for (const value of VALUES) {
        const made = await polluted(field, value, () => outcome(use));
        assert.deepEqual(parsed(made), clean, `${field}: ${JSON.stringify(value)}`);
      }
    }
  });
}

test("recorders, issuers, and verifiers ignore a polluted Object.prototype", async () => {
  const { key, vkey } = await generateKey("example.com/app");
  for (const name of NAMES) {
    for (const value of VALUES) {
      const to = memory();
      const report = await polluted(name, value, async () => {
        const recorder = await createRecorder({ key, origin: "log.example/audit", to }).ready();
        recorder.record({ action: "a.b", actor: { id: "ada" } });
        await recorder.close();
        assert.throws(() => createIssuer({} as never), { code: "options.invalid" });
        createIssuer({ key: ISSUER.secret, to: "https://log.example", log: LOG.vkey });
        return (await verify(to.bytes(), { trust: `emitter ${vkey}`, threads: 0 })).report;
      });
      assert.equal(report.verdict, "verified", `${name}: ${JSON.stringify(value)}`);
      const [line = ""] = to
        .text()
        .split("\n")
        .filter((line) => line.includes('"event"'));
      assert.deepEqual(JSON.parse(line).event, { action: "a.b", actor: { id: "ada" } });
    }
  }
});

test("Lambda and Next.js ignore a polluted Object.prototype", async () => {
  const { key } = await generateKey("example.com/app");
  const recorded: string[] = [];
  const options = () => ({
    key,
    origin: "log.example/audit",
    to: memory(),
    onError: () => {},
    autoFlush: false as const,
  });
  const noted = (event: AuditEvent) => {
    recorded.push(JSON.stringify(event));
    return event;
  };
  const lambda = auditLambda(
    () => ({ ...options(), beforeRecord: noted }),
    async (_: object, __, audit) => audit.record({ action: "a.b" }),
  );
  const next = auditNext(() => ({ ...options(), beforeRecord: noted }), { after: (work) => void later.push(work) });
  const handler = next(async (_: Request, __: unknown, audit: Audit) => audit.record({ action: "a.b" }));
  const run = async () => {
    recorded.length = 0;
    await lambda({}, { awsRequestId: "r_1", getRemainingTimeInMillis: () => 60_000 });
    await handler(REQUEST, { params: Promise.resolve({}) });
    return [...recorded];
  };
  const clean = await run();
  assert.deepEqual(
    clean.map((event) => JSON.parse(event).context.request_id),
    ["r_1", "r_1"],
  );
  for (const name of NAMES) {
    assert.deepEqual(await polluted(name, VALUES[0], run), clean, name);
  }
  await Promise.allSettled(later);
});

test("field: reads fields of an object and of its class", () => {
  class Base {
    get actor() {
      return 1;
    }
  }
  class Own extends Base {
    tenant = 2;
  }
  const given = new Own();
  assert.deepEqual(
    [hasField(given, "actor"), hasField(given, "tenant"), hasField(given, "toString")],
    [true, true, false],
  );
  assert.equal(field(given, "actor"), 1);
  assert.equal(field(undefined, "actor"), undefined);
  assert.equal(field(Object.create(null), "actor"), undefined);
  assert.deepEqual({ ...ownFields(given, ["actor", "tenant", "toString"]) }, { actor: 1, tenant: 2 });
});
