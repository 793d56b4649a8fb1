/** Tests that unknown options, and promises of recorders, are rejected. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Audit,
  asyncContext,
  auditFetch,
  createRecorder,
  defineEvents,
  type ErrorCode,
  generateKey,
  generateKeyHandle,
  recordMany,
} from "countersign";
import { forgetBrowserKey, indexedDbOutbox } from "countersign/browser";
import { durableObjectOutbox, r2Transport, withCountersign } from "countersign/cloudflare";
import { type GateOptions, gate } from "countersign/gate";
import { auditHono } from "countersign/hono";
import { createIssuer } from "countersign/issuer";
import { auditKoa } from "countersign/koa";
import { auditLambda } from "countersign/lambda";
import { AuditModule } from "countersign/nestjs";
import { auditNext } from "countersign/next";
import { auditHttp, closeOnSignals, fileOutbox } from "countersign/node";
import { AuditLogProcessor, traced } from "countersign/opentelemetry";
import { drainer, postgresRecorder } from "countersign/postgres";
import { auditHandle } from "countersign/sveltekit";
import { createTestRecorder } from "countersign/testing";
import { readStream, verify, verifyLive } from "countersign/verify";
import { EMITTERS, ISSUER, LOG } from "../conformance/setup.ts";
import { says, thrownBy } from "./mistake.ts";

const audit = { record() {}, flush: async () => {}, close: async () => {} } as unknown as Audit & {
  close(): Promise<void>;
};
const later = Promise.resolve(audit) as unknown as Audit;
const none = () => ({}) as never;
const answer = () => new Response("ok");
const issuer = createIssuer({ key: ISSUER.secret, to: "https://log.example", log: LOG.vkey });

const of = (options: Record<string, unknown>) => options as never;

const GATE: GateOptions = { pack: "{}", fail: "open" };
const WATCHLIST = { url: "https://log.example/watchlist", key: LOG.vkey };

const MISSPELLED: Record<string, [member: string, use: () => unknown]> = {
  auditHttp: ["acter", () => auditHttp(audit, of({ acter: none }))],
  auditFetch: ["onli", () => auditFetch(audit, answer, of({ onli: none }))],
  auditHono: ["tennant", () => auditHono(audit, of({ tennant: none }))],
  auditKoa: ["useragent", () => auditKoa(audit, of({ useragent: true }))],
  auditHandle: ["IP", () => auditHandle(audit, of({ IP: true }))],
  auditNext: ["requird", () => auditNext(none, of({ after: none, requird: true }))],
  auditLambda: ["retyrForMs", () => auditLambda(none, none, of({ retyrForMs: 1 }))],
  withCountersign: ["requierd", () => withCountersign(of({}), { fetch: answer }, of({ requierd: true }))],
  "http of withCountersign": ["gat", () => withCountersign(of({}), { fetch: answer }, { http: of({ gat: 1 }) })],
  AuditModule: ["injects", () => AuditModule.forRootAsync(of({ useFactory: none, injects: [] }))],
  closeOnSignals: ["frist", () => closeOnSignals(audit, of({ frist: none }))],
  AuditLogProcessor: ["onError_", () => new AuditLogProcessor(audit, of({ onError_: none }))],
  recordMany: ["onprogress", () => recordMany(audit, [], of({ onprogress: none }))],
  drainer: ["pollInterval", () => drainer(of({ connect: none, recorder: {}, pollInterval: 1 }))],
  postgresRecorder: ["tables", () => postgresRecorder(of({ tables: "jobs" }))],
  createIssuer: ["timeout", () => createIssuer(of({ key: ISSUER.secret, to: "https://a", log: LOG.vkey, timeout: 1 }))],
  "a log server": [
    "to.headers",
    () => createIssuer(of({ key: ISSUER.secret, to: { url: "https://a", headers: {} }, log: LOG.vkey })),
  ],
  "a grant": ["ttl", () => issuer.grant(ISSUER.vkey, of({ ttl: 60 }))],
  "a revocation": ["from", () => issuer.revoke(ISSUER.vkey, of({ from: new Date() }))],
  "a handler": ["origin", () => issuer.handler(of({ authorize: none, origin: [] }))],
  verify: ["trsut", () => verify(new Uint8Array(), of({ trsut: "" }))],
  "expect of verify": ["expect.maxAge", () => verify(new Uint8Array(), { expect: of({ maxAge: 1 }) })],
};

for (const [name, [member, use]] of Object.entries(MISSPELLED)) {
  test(`${name} rejects the unknown option ${member}`, async (t) => {
    says(t.name, await thrownBy(use), ["options.invalid", member]);
  });
}

const MISTYPED: Record<string, [member: string | undefined, use: () => unknown]> = {
  "auditLambda: a number instead of options": [undefined, () => auditLambda(none, none, 5_000 as never)],
  "drainer: undefined instead of options": [undefined, () => drainer(undefined as never)],
  "AuditModule: undefined instead of options": [undefined, () => AuditModule.forRootAsync(undefined as never)],
  "auditHttp: null instead of options": [undefined, () => auditHttp(audit, null as never)],
  "auditLambda: a string as retryForMs": ["retryForMs", () => auditLambda(none, none, of({ retryForMs: "5s" }))],
  "auditFetch: a missing handler": ["handler", () => auditFetch(audit, undefined as never)],
  "drainer: undefined instead of recorder options": ["recorder", () => drainer(of({ connect: none }))],
  "postgresRecorder: an invalid catalog": ["events", () => postgresRecorder(of({ events: {} }))],
  "closeOnSignals: a promise of a recorder": ["audit", () => closeOnSignals(later as never)],
  "closeOnSignals: a signal instead of an array": ["signals", () => closeOnSignals(audit, of({ signals: "SIGTERM" }))],
  "closeOnSignals: an unknown signal": ["signals", () => closeOnSignals(audit, of({ signals: ["SIGTREM"] }))],
  "closeOnSignals: a promise as first": ["first", () => closeOnSignals(audit, of({ first: Promise.resolve() }))],
  "closeOnSignals: a string as retryForMs": ["retryForMs", () => closeOnSignals(audit, of({ retryForMs: "5s" }))],
  "AuditModule: a string as retryForMs": [
    "retryForMs",
    () => AuditModule.forRootAsync(of({ useFactory: none, retryForMs: "5s" })),
  ],
  "AuditModule: a value instead of an array to inject": [
    "inject",
    () => AuditModule.forRootAsync(of({ useFactory: none, inject: String })),
  ],
  "recordMany: a string as retryForMs": ["retryForMs", () => recordMany(audit, [], of({ retryForMs: "1m" }))],
  "recordMany: a boolean as onProgress": ["onProgress", () => recordMany(audit, [], of({ onProgress: true }))],
  "recordMany: a controller instead of its signal": [
    "signal",
    () => recordMany(audit, [], of({ signal: new AbortController() })),
  ],
  "gate: a path as module": ["module", () => gate({ ...GATE, module: "countersign/gate.wasm" })],
  "gate: a number as watchlist headers": [
    "watchlist.headers",
    () => gate({ ...GATE, watchlist: { ...WATCHLIST, headers: of(7 as never) } }),
  ],
  "gate: an invalid header name": [
    "watchlist.headers",
    () => gate({ ...GATE, watchlist: { ...WATCHLIST, headers: { "not a name": "x" } } }),
  ],
  "fileOutbox: an https URL": ["outbox", () => fileOutbox(new URL("https://log.example/outbox"))],
};

for (const [name, [member, use]] of Object.entries(MISTYPED)) {
  test(`${name} is rejected`, async (t) => {
    says(t.name, await thrownBy(use), ["options.invalid", member]);
  });
}

test("`false` turns off the recording of requests", async () => {
  const taken: string[] = [];
  const made = () => ({
    key: EMITTERS[0].secret,
    origin: LOG.name,
    to: (chunk: Uint8Array) => void taken.push(new TextDecoder().decode(chunk)),
  });
  const handler = auditLambda(made, async (_event, _context, audit) => audit.record({ action: "a.b" }), {
    http: false,
  });
  const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 1_000 };
  await handler({ httpMethod: "GET", path: "/", requestContext: {} }, context);
  assert.match(taken.join(""), /"a\.b"/);
  assert.doesNotMatch(taken.join(""), /http\.request/);
});

/** Calls without arguments, or with null. */
const NOTHING: Record<string, [code: ErrorCode, member: string | undefined, use: () => unknown]> = {
  "generateKey without arguments": ["name.invalid", "name", () => generateKey(of(undefined as never))],
  "generateKey with an array": ["name.invalid", "name", () => generateKey(of(["a"] as never))],
  "generateKey with an empty name": ["name.invalid", "name", () => generateKey("")],
  "generateKeyHandle without arguments": ["name.invalid", "name", () => generateKeyHandle(of(undefined as never))],
  "createRecorder with null": ["options.invalid", "key", () => createRecorder(of(null as never))],
  "createTestRecorder with null": ["options.invalid", undefined, () => createTestRecorder(of(null as never))],
  "verify with null": ["options.invalid", undefined, () => verify(new Uint8Array(), of(null as never))],
  "verifyLive with an empty array": [
    "options.invalid",
    undefined,
    () => verifyLive(of([] as never), of(undefined as never)),
  ],
  "readStream without arguments": ["source.invalid", undefined, () => readStream(of(undefined as never))],
  "readStream with a URL": ["source.invalid", undefined, () => readStream(of("https://log" as never))],
  "recordMany without arguments": ["options.invalid", "audit", () => recordMany(of(undefined as never), [])],
  "recordMany with null as source": ["options.invalid", "source", () => recordMany(audit, of(null as never))],
  "recordMany with an event as source": ["options.invalid", "source", () => recordMany(audit, of({ action: "a.b" }))],
  "recordMany with null as options": ["options.invalid", undefined, () => recordMany(audit, [], of(null as never))],
  "defineEvents without arguments": ["options.invalid", "schemas", () => defineEvents(of(undefined as never))],
  "asyncContext with null": ["options.invalid", undefined, () => asyncContext(audit, of(null as never))],
  "auditHono with null": ["options.invalid", undefined, () => auditHono(audit, of(null as never))],
  "auditHono with a string as recorder": ["options.invalid", "audit", () => auditHono("audit" as never)],
  "auditHttp with null": ["options.invalid", undefined, () => auditHttp(audit, of(null as never))],
  "auditFetch with null": ["options.invalid", undefined, () => auditFetch(audit, answer, of(null as never))],
  "auditKoa with null": ["options.invalid", undefined, () => auditKoa(audit, of(null as never))],
  "auditHandle with null": ["options.invalid", undefined, () => auditHandle(audit, of(null as never))],
  "auditNext with null": ["options.invalid", "after", () => auditNext(none, of(null as never))],
  "auditLambda with null": ["options.invalid", undefined, () => auditLambda(none, none, of(null as never))],
  "withCountersign with null": [
    "options.invalid",
    undefined,
    () => withCountersign(of({}), { fetch: answer }, of(null as never)),
  ],
  "AuditModule with null": ["options.invalid", undefined, () => AuditModule.forRootAsync(of(null as never))],
  "closeOnSignals with null": ["options.invalid", undefined, () => closeOnSignals(audit, of(null as never))],
  "gate with null": ["options.invalid", "pack", () => gate(of(null as never))],
  "indexedDbOutbox with null": ["options.invalid", undefined, () => indexedDbOutbox(of(null as never))],
  "durableObjectOutbox with null": [
    "options.invalid",
    undefined,
    () => durableObjectOutbox(of({ sync: none }), of(null as never)),
  ],
  "r2Transport with null": ["options.invalid", undefined, () => r2Transport(of({ put: none }), of(null as never))],
  "forgetBrowserKey without arguments": ["options.invalid", "issuer", () => forgetBrowserKey(of(undefined as never))],
};

for (const [name, [code, member, use]] of Object.entries(NOTHING)) {
  test(`${name} is rejected`, async (t) => {
    says(t.name, await thrownBy(use), [code, member]);
  });
}

test("auditLambda: a handler called without Lambda's context fails before it does anything", async () => {
  let called = false;
  const handler = auditLambda(none, () => {
    called = true;
  });
  await assert.rejects(handler({}, of(undefined as never)), { code: "options.invalid", member: "context" });
  await assert.rejects(handler({}, of({ awsRequestId: "r_1" })), {
    member: "context",
    hint: /handler\(event, context\)/,
  });
  assert.equal(called, false);
});

const UNAWAITED: Record<string, () => unknown> = {
  auditHttp: () => auditHttp(later),
  auditFetch: () => auditFetch(later, answer),
  auditHono: () => auditHono(later),
  auditKoa: () => auditKoa(later),
  auditHandle: () => auditHandle(later),
  asyncContext: () => asyncContext(later),
  traced: () => traced(later),
  AuditLogProcessor: () => new AuditLogProcessor(later),
};

for (const [name, use] of Object.entries(UNAWAITED)) {
  test(`${name} rejects a promise of a recorder`, async (t) => {
    says(t.name, await thrownBy(use), ["options.invalid", "audit"]);
  });
}
