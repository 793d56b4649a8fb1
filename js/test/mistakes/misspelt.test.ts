/** What takes options refuses those that there are not, and what takes a recorder refuses the promise of one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Audit } from "countersign";
import { withCountersign } from "countersign/cloudflare";
import { asyncContext } from "countersign/context";
import { auditFetch } from "countersign/fetch";
import { auditHono } from "countersign/hono";
import { createIssuer } from "countersign/issuer";
import { auditKoa } from "countersign/koa";
import { auditLambda } from "countersign/lambda";
import { recordMany } from "countersign/many";
import { AuditModule } from "countersign/nestjs";
import { auditNext } from "countersign/next";
import { auditHttp, closeOnSignals, fileOutbox } from "countersign/node";
import { AuditLogProcessor, traced } from "countersign/opentelemetry";
import { drainer, postgresOutbox } from "countersign/postgres";
import { auditHandle } from "countersign/sveltekit";
import { verify } from "countersign/verify";
import { EMITTERS, ISSUER, LOG } from "../conformance/setup.ts";

const audit = { record() {}, flush: async () => {}, close: async () => {} } as unknown as Audit & {
  close(): Promise<void>;
};
const later = Promise.resolve(audit) as unknown as Audit;
const none = () => ({}) as never;
const answer = () => new Response("ok");
const issuer = createIssuer({ key: ISSUER.secret, to: "https://log.example", log: LOG.vkey });

const of = (options: Record<string, unknown>) => options as never;

const MISSPELT: Record<string, [member: string, use: () => unknown]> = {
  auditHttp: ["acter", () => auditHttp(audit, of({ acter: none }))],
  auditFetch: ["onli", () => auditFetch(audit, answer, of({ onli: none }))],
  auditHono: ["tennant", () => auditHono(of({ audit, tennant: none }))],
  auditKoa: ["useragent", () => auditKoa(audit, of({ useragent: true }))],
  auditHandle: ["IP", () => auditHandle(audit, of({ IP: true }))],
  auditNext: ["requird", () => auditNext(none, of({ after: none, requird: true }))],
  auditLambda: ["pateince", () => auditLambda(none, none, of({ pateince: 1 }))],
  withCountersign: ["requierd", () => withCountersign(of({}), { fetch: answer }, of({ requierd: true }))],
  "http of withCountersign": ["gat", () => withCountersign(of({}), { fetch: answer }, { http: of({ gat: 1 }) })],
  AuditModule: ["injects", () => AuditModule.forRoot(of({ useFactory: none, injects: [] }))],
  closeOnSignals: ["frist", () => closeOnSignals(audit, of({ frist: none }))],
  AuditLogProcessor: ["onError_", () => new AuditLogProcessor(audit, of({ onError_: none }))],
  recordMany: ["onprogress", () => recordMany(audit, [], of({ onprogress: none }))],
  drainer: ["pause", () => drainer(of({ connect: none, recorder: {}, pause: 1 }))],
  postgresOutbox: ["tables", () => postgresOutbox(of({ tables: "jobs" }))],
  createIssuer: ["timeout", () => createIssuer(of({ key: ISSUER.secret, to: "https://a", log: LOG.vkey, timeout: 1 }))],
  "a collector": [
    "to.headers",
    () => createIssuer(of({ key: ISSUER.secret, to: { url: "https://a", headers: {} }, log: LOG.vkey })),
  ],
  "a grant": ["ttl", () => issuer.grant(ISSUER.vkey, of({ ttl: 60 }))],
  "a revocation": ["from", () => issuer.revoke(ISSUER.vkey, of({ from: new Date() }))],
  "a handler": ["origin", () => issuer.handler(of({ authorise: none, origin: [] }))],
  verify: ["trsut", () => verify(new Uint8Array(), of({ trsut: "" }))],
  "what verify expects": ["expect.maxAge", () => verify(new Uint8Array(), { expect: of({ maxAge: 1 }) })],
};

for (const [name, [member, use]] of Object.entries(MISSPELT)) {
  test(`${name} has no option ${member}`, async () => {
    await assert.rejects(async () => use(), { code: "options.invalid", member });
  });
}

const MISTYPED: Record<string, [member: string | undefined, use: () => unknown]> = {
  "a patience without its name": [undefined, () => auditLambda(none, none, 5_000 as never)],
  "no options of a drainer": [undefined, () => drainer(undefined as never)],
  "no options of a module": [undefined, () => AuditModule.forRoot(undefined as never)],
  "null for requests": [undefined, () => auditHttp(audit, null as never)],
  "a patience as text": ["patience", () => auditLambda(none, none, of({ patience: "5s" }))],
  "no handler": ["handler", () => auditFetch(audit, undefined as never)],
  "a drainer's recorder that is none": ["recorder", () => drainer(of({ connect: none }))],
  "a catalogue that is none": ["events", () => postgresOutbox(of({ events: {} }))],
  "the promise of what is to be closed": ["audit", () => closeOnSignals(later as never)],
  "one signal in place of a list": ["signals", () => closeOnSignals(audit, of({ signals: "SIGTERM" }))],
  "a signal that there is not": ["signals", () => closeOnSignals(audit, of({ signals: ["SIGTREM"] }))],
  "a promise as what comes first": ["first", () => closeOnSignals(audit, of({ first: Promise.resolve() }))],
  "a patience for signals as text": ["patience", () => closeOnSignals(audit, of({ patience: "5s" }))],
  "an address as a file": ["outbox", () => fileOutbox(new URL("https://log.example/outbox"))],
};

for (const [name, [member, use]] of Object.entries(MISTYPED)) {
  test(`${name} is refused`, async () => {
    await assert.rejects(
      async () => use(),
      (error: { code?: string; member?: string; hint?: string }) => {
        assert.deepEqual([error.code, error.member, typeof error.hint], ["options.invalid", member, "string"]);
        return true;
      },
    );
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

const UNAWAITED: Record<string, () => unknown> = {
  auditHttp: () => auditHttp(later),
  auditFetch: () => auditFetch(later, answer),
  auditHono: () => auditHono({ audit: later }),
  auditKoa: () => auditKoa(later),
  auditHandle: () => auditHandle(later),
  asyncContext: () => asyncContext(later),
  traced: () => traced(later),
  AuditLogProcessor: () => new AuditLogProcessor(later),
};

for (const [name, use] of Object.entries(UNAWAITED)) {
  test(`${name} takes no promise of a recorder`, () => {
    assert.throws(use, { code: "options.invalid", member: "audit", hint: /await createRecorder/ });
  });
}
