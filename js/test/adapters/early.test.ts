/** Tests events that are recorded before the recorder's options are read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditEvent, type CountersignError, memory, type RecorderOptions } from "countersign";
import { auditLambda } from "countersign/lambda";
import type { Fetch } from "../../packages/countersign/dist/deliver/log-server.js";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";
import { MemoryLog } from "../deliver/log.ts";

test("before the start: an invalid event rejects its handle, calls onError, and affects no other event", async () => {
  const exported = memory();
  const errors: CountersignError[] = [];
  const audit = createLazyRecorder({
    read: async () => ({
      key: EMITTERS[0].secret,
      origin: ORIGIN,
      to: exported,
      autoFlush: false,
      onError: (error) => errors.push(error),
    }),
    isShared: false,
    required: false,
  });
  assert.throws(() => audit.record({ action: "job.delete", metadata: { f: () => 1 } }), { code: "event.invalid" });
  const handles = [
    audit.record({ action: "job.first" }),
    audit.record({ action: 1 } as unknown as AuditEvent),
    audit.recordJson("no JSON"),
    audit.record({ action: "job.last" }),
  ];
  const outcomes = handles.map((handle) =>
    handle.delivered().then(
      () => "delivered",
      ({ code }: CountersignError) => code,
    ),
  );
  await audit.flush();
  assert.deepEqual(await Promise.all(outcomes), ["delivered", "event.invalid", "event.invalid", "delivered"]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["event.invalid", "event.invalid"],
  );
  const lines = exported.text().split("\n").slice(0, -1);
  assert.deepEqual(
    lines.flatMap((line) => JSON.parse(line).event?.action ?? []),
    // Its caller can no longer handle the error, so the log records that there was an event.
    ["job.first", "countersign.dropped", "countersign.dropped", "job.last"],
  );
});

test("before the start: a request with an invalid actor is recorded without it, as it is afterwards", async () => {
  const exported = memory();
  const reported: [code: string, member: string | undefined][] = [];
  let tries = 0;
  const options = (): RecorderOptions => {
    tries += 1;
    if (tries === 1) {
      throw new Error("the secret is not there yet");
    }
    return { key: EMITTERS[0].secret, origin: ORIGIN, to: exported };
  };
  const handler = auditLambda(options, async () => ({ statusCode: 200 }), {
    http: {
      actor: () => ({ id: true }) as never,
      tenant: () => "acme",
      onError: ({ code, member }) => reported.push([code, member]),
    },
  });
  const event = { httpMethod: "GET", path: "/", requestContext: {} };
  const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 10_000 };
  await handler(event, context);
  await handler(event, context);
  const lines = exported.text().split("\n").slice(0, -1);
  const events = lines.flatMap((line) => JSON.parse(line).event ?? []);
  assert.deepEqual(
    events.map(({ action, actor, tenant }) => ({ action, actor, tenant })),
    Array.from({ length: 2 }, () => ({ action: "http.request", actor: undefined, tenant: "acme" })),
  );
  assert.deepEqual(reported, [
    ["event.invalid", "actor.id"],
    ["event.invalid", "actor.id"],
  ]);
});

test("before the start: an unreachable log is reported once", async (t) => {
  const lines: string[] = [];
  for (const method of ["warn", "error"] as const) {
    t.mock.method(console, method, (line: string) => lines.push(line));
  }
  const log = new MemoryLog();
  let isDown = true;
  const fetch: Fetch = (url, init) =>
    isDown ? Promise.reject(new Error("down")) : (log.to.fetch?.(url, init) ?? assert.fail());
  const handler = auditLambda(
    () => ({
      key: EMITTERS[0].secret,
      log: log.vkey,
      to: { url: "https://log.example", fetch },
      retry: { initialDelayMs: 1 },
    }),
    async (_event, _context, audit) => audit.record({ action: "a.b" }).stored(),
    { retryForMs: 20 },
  );
  const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 10_000 };
  await handler({}, context);
  assert.deepEqual(
    lines.map((line) => line.split(": ", 2)),
    [["countersign", "log_server.unreachable"]],
  );
  isDown = false;
  await handler({}, context);
  assert.deepEqual(log.actions, ["a.b", "a.b"]);
});
