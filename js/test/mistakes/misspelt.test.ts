/** What takes options refuses those that there are not, and what takes a recorder refuses the promise of one. */

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

const MISSPELT: Record<string, [member: string, use: () => unknown]> = {
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
  "what verify expects": ["expect.maxAge", () => verify(new Uint8Array(), { expect: of({ maxAge: 1 }) })],
};

for (const [name, [member, use]] of Object.entries(MISSPELT)) {
  test(`${name} has no option ${member}`, async (t) => {
    says(t.name, await thrownBy(use), ["options.invalid", member]);
  });
}

const MISTYPED: Record<string, [member: string | undefined, use: () => unknown]> = {
  "a number in place of options": [undefined, () => auditLambda(none, none, 5_000 as never)],
  "no options of a drainer": [undefined, () => drainer(undefined as never)],
  "no options of a module": [undefined, () => AuditModule.forRootAsync(undefined as never)],
  "null for requests": [undefined, () => auditHttp(audit, null as never)],
  "retryForMs as text": ["retryForMs", () => auditLambda(none, none, of({ retryForMs: "5s" }))],
  "no handler": ["handler", () => auditFetch(audit, undefined as never)],
  "a drainer's recorder that is none": ["recorder", () => drainer(of({ connect: none }))],
  "a catalog that is none": ["events", () => postgresRecorder(of({ events: {} }))],
  "the promise of what is to be closed": ["audit", () => closeOnSignals(later as never)],
  "one signal in place of a list": ["signals", () => closeOnSignals(audit, of({ signals: "SIGTERM" }))],
  "a signal that there is not": ["signals", () => closeOnSignals(audit, of({ signals: ["SIGTREM"] }))],
  "a promise as what comes first": ["first", () => closeOnSignals(audit, of({ first: Promise.resolve() }))],
  "retryForMs for signals as text": ["retryForMs", () => closeOnSignals(audit, of({ retryForMs: "5s" }))],
  "retryForMs for Nest as text": [
    "retryForMs",
    () => AuditModule.forRootAsync(of({ useFactory: none, retryForMs: "5s" })),
  ],
  "what Nest injects, alone": ["inject", () => AuditModule.forRootAsync(of({ useFactory: none, inject: String }))],
  "retryForMs for an import as text": ["retryForMs", () => recordMany(audit, [], of({ retryForMs: "1m" }))],
  "a progress of an import": ["onProgress", () => recordMany(audit, [], of({ onProgress: true }))],
  "an import's controller": ["signal", () => recordMany(audit, [], of({ signal: new AbortController() }))],
  "a gate's file": ["module", () => gate({ ...GATE, module: "countersign/gate.wasm" })],
  "a watchlist's headers": [
    "watchlist.headers",
    () => gate({ ...GATE, watchlist: { ...WATCHLIST, headers: of(7 as never) } }),
  ],
  "a header that there is none": [
    "watchlist.headers",
    () => gate({ ...GATE, watchlist: { ...WATCHLIST, headers: { "not a name": "x" } } }),
  ],
  "an address as a file": ["outbox", () => fileOutbox(new URL("https://log.example/outbox"))],
};

for (const [name, [member, use]] of Object.entries(MISTYPED)) {
  test(`${name} is refused`, async (t) => {
    says(t.name, await thrownBy(use), ["options.invalid", member]);
  });
}

test("requests are not recorded where that is said", async () => {
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

/** What is called with nothing, or with null in the place of what it needs. */
const NOTHING: Record<string, [code: ErrorCode, member: string | undefined, use: () => unknown]> = {
  generateKey: ["name.invalid", "name", () => generateKey(of(undefined as never))],
  "generateKey of no text": ["name.invalid", "name", () => generateKey(of(["a"] as never))],
  "generateKey of an empty text": ["name.invalid", "name", () => generateKey("")],
  generateKeyHandle: ["name.invalid", "name", () => generateKeyHandle(of(undefined as never))],
  createRecorder: ["options.invalid", "key", () => createRecorder(of(null as never))],
  createTestRecorder: ["options.invalid", undefined, () => createTestRecorder(of(null as never))],
  verify: ["options.invalid", undefined, () => verify(new Uint8Array(), of(null as never))],
  verifyLive: ["options.invalid", undefined, () => verifyLive(of([] as never), of(undefined as never))],
  readStream: ["source.invalid", undefined, () => readStream(of(undefined as never))],
  "readStream of an address": ["source.invalid", undefined, () => readStream(of("https://log" as never))],
  recordMany: ["options.invalid", "audit", () => recordMany(of(undefined as never), [])],
  "recordMany of nothing": ["options.invalid", "source", () => recordMany(audit, of(null as never))],
  "recordMany of one event": ["options.invalid", "source", () => recordMany(audit, of({ action: "a.b" }))],
  "recordMany's options": ["options.invalid", undefined, () => recordMany(audit, [], of(null as never))],
  defineEvents: ["options.invalid", "schemas", () => defineEvents(of(undefined as never))],
  asyncContext: ["options.invalid", undefined, () => asyncContext(audit, of(null as never))],
  auditHono: ["options.invalid", undefined, () => auditHono(audit, of(null as never))],
  "auditHono of a text": ["options.invalid", "audit", () => auditHono("audit" as never)],
  auditHttp: ["options.invalid", undefined, () => auditHttp(audit, of(null as never))],
  auditFetch: ["options.invalid", undefined, () => auditFetch(audit, answer, of(null as never))],
  auditKoa: ["options.invalid", undefined, () => auditKoa(audit, of(null as never))],
  auditHandle: ["options.invalid", undefined, () => auditHandle(audit, of(null as never))],
  auditNext: ["options.invalid", "after", () => auditNext(none, of(null as never))],
  auditLambda: ["options.invalid", undefined, () => auditLambda(none, none, of(null as never))],
  withCountersign: ["options.invalid", undefined, () => withCountersign(of({}), { fetch: answer }, of(null as never))],
  AuditModule: ["options.invalid", undefined, () => AuditModule.forRootAsync(of(null as never))],
  closeOnSignals: ["options.invalid", undefined, () => closeOnSignals(audit, of(null as never))],
  gate: ["options.invalid", "pack", () => gate(of(null as never))],
  indexedDbOutbox: ["options.invalid", undefined, () => indexedDbOutbox(of(null as never))],
  durableObjectOutbox: ["options.invalid", undefined, () => durableObjectOutbox(of({ sync: none }), of(null as never))],
  r2Transport: ["options.invalid", undefined, () => r2Transport(of({ put: none }), of(null as never))],
  forgetBrowserKey: ["options.invalid", "issuer", () => forgetBrowserKey(of(undefined as never))],
};

for (const [name, [code, member, use]] of Object.entries(NOTHING)) {
  test(`${name} says what it lacks`, async (t) => {
    says(t.name, await thrownBy(use), [code, member]);
  });
}

test("a handler of auditLambda says that it needs Lambda's context, before it does anything", async () => {
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
  test(`${name} takes no promise of a recorder`, async (t) => {
    says(t.name, await thrownBy(use), ["options.invalid", "audit"]);
  });
}
