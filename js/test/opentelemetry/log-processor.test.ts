/** Tests audit events emitted through OpenTelemetry's own SDK. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { LoggerProvider, type LogRecordProcessor } from "@opentelemetry/sdk-logs";
import { type AuditLogOptions, AuditLogProcessor } from "../../packages/countersign/dist/opentelemetry.js";
import { createTestRecorder } from "../../packages/countersign/dist/testing.js";
import { MemoryLog, refusal } from "../deliver/log.ts";
import { recorderOf } from "../deliver/recorder.ts";

async function start(options?: AuditLogOptions) {
  const audit = await createTestRecorder();
  const processor: LogRecordProcessor = new AuditLogProcessor(audit, options);
  const provider = new LoggerProvider({ processors: [processor] });
  return { audit, provider, logger: provider.getLogger("jobs") };
}

const timestamp = new Date("2026-03-01T12:00:00.250Z");

test("AuditLogProcessor: records emitted events, which verify", async () => {
  const { audit, provider, logger } = await start();
  const ids = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
  logger.emit({
    eventName: "job.delete",
    timestamp,
    severityNumber: SeverityNumber.INFO,
    severityText: "INFO",
    body: { id: "42", password: "hunter2" },
    attributes: {
      "user.id": "u_1",
      "user.name": "Ada",
      "session.id": "s_1",
      "client.address": "192.0.2.1",
      "user_agent.original": "curl/8",
      "job.kind": "nightly",
      n: 5,
    },
    context: trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(ids)),
  });
  logger.emit({ body: "only a line of a log" });
  assert.deepEqual(audit.events(), [
    {
      action: "job.delete",
      actor: { id: "u_1", name: "Ada", session: "s_1" },
      occurred_at: "2026-03-01T12:00:00.250Z",
      context: { ip: "192.0.2.1", user_agent: "curl/8", trace_id: ids.traceId, span_id: ids.spanId },
      metadata: {
        "job.kind": "nightly",
        n: 5,
        body: { id: "42", password: "[redacted]" },
        severity: "INFO",
        scope: "jobs",
      },
    },
  ]);
  await provider.forceFlush();
  await audit.verified();
  await provider.shutdown();
});

test("AuditLogProcessor: errors are failures", async () => {
  const { audit, logger } = await start();
  logger.emit({ eventName: "job.run", timestamp, attributes: { "error.type": "timeout", "user.name": "nobody" } });
  logger.emit({ eventName: "job.run", timestamp, severityNumber: SeverityNumber.ERROR });
  const [first, second] = audit.events();
  assert.deepEqual(
    [first?.outcome, first?.reason, first?.metadata],
    ["failure", "timeout", { "user.name": "nobody", scope: "jobs" }],
  );
  assert.deepEqual([second?.outcome, second?.reason], ["failure", undefined]);
});

test("AuditLogProcessor: values without a JSON form become strings", async () => {
  const { audit, logger } = await start();
  const attributes = { bytes: new Uint8Array([1, 2, 255]), none: Number.NaN, deep: { list: [undefined, Infinity] } };
  logger.emit({ eventName: "a.b", attributes: attributes as never });
  const metadata = audit.events()[0]?.metadata as Record<string, unknown>;
  assert.equal(metadata.bytes, "AQL/");
  assert.equal(metadata.none, "NaN");
});

test("AuditLogProcessor: `only` and `toEvent` select and convert log records", async () => {
  const { audit, logger } = await start({
    only: ({ attributes }) => attributes.audit === true,
    toEvent: (event, { body }) => ({ ...event, action: `said.${body}`, tenant: "acme" }),
  });
  logger.emit({ eventName: "a.b" });
  logger.emit({ body: "yes", attributes: { audit: true } });
  assert.deepEqual(
    audit.events().map(({ action, tenant }) => [action, tenant]),
    [["said.yes", "acme"]],
  );
});

test("AuditLogProcessor: reports an invalid event, and records that something was emitted", async () => {
  const reported: string[] = [];
  const onError = ({ code, member }: { code: string; member: string | undefined }) =>
    reported.push(`${code} ${member}`);
  const wrong = [() => ({ action: "a.b", actor: {} as never }), () => assert.fail("of the program's own")];
  for (const toEvent of wrong) {
    const { audit, logger } = await start({ onError, toEvent });
    logger.emit({ eventName: "job.delete", timestamp });
    const [event] = audit.events();
    assert.deepEqual([event?.action, event?.occurred_at], ["job.delete", "2026-03-01T12:00:00.250Z"]);
    assert.match(JSON.stringify(event?.metadata), /"countersign_problems":\[\{"field"/);
  }
  assert.deepEqual(reported, ["event.invalid actor.id", "event.invalid undefined"]);
  assert.throws(() => new AuditLogProcessor(undefined as never), { code: "options.invalid", member: "audit" });
});

test("AuditLogProcessor: keeps the contents of a record that is partly invalid", async () => {
  const attributes = { "user.id": "", "session.id": "", "client.address": "", "job.id": "42" };
  const { audit, logger } = await start();
  logger.emit({ eventName: "job.delete", body: "gone", attributes, severityText: "ERROR", severityNumber: 17 });
  const [event] = audit.events();
  assert.deepEqual([event?.actor, event?.context, event?.outcome], [undefined, undefined, "failure"]);
  assert.deepEqual(event?.metadata, { ...attributes, body: "gone", severity: "ERROR", scope: "jobs" });

  // Also if `toEvent` returns an invalid event.
  const reported: string[] = [];
  const wrong = await start({ onError: ({ message }) => reported.push(message), toEvent: () => ({ action: "" }) });
  wrong.logger.emit({ eventName: "job.delete", body: "gone", attributes, severityText: "ERROR" });
  const { countersign_problems: problems, ...rest } = (wrong.audit.events()[0]?.metadata ?? {}) as Record<
    string,
    unknown
  >;
  assert.deepEqual(rest, { ...attributes, body: "gone", severity: "ERROR", scope: "jobs" });
  assert.match(JSON.stringify(problems), /"field":"action"/);
  assert.equal(reported.length, 1);
});

test("AuditLogProcessor: reports to the recorder's onError by default", async () => {
  const reported: string[] = [];
  const audit = await createTestRecorder({ onError: ({ code, member }) => reported.push(`${code} ${member}`) });
  for (const recorder of [audit, audit.with({ tenant: "acme" })]) {
    const processor: LogRecordProcessor = new AuditLogProcessor(recorder, { toEvent: () => ({ action: "" }) });
    const provider = new LoggerProvider({ processors: [processor] });
    provider.getLogger("jobs").emit({ eventName: "a.b" });
  }
  assert.deepEqual(reported, ["event.invalid action", "event.invalid action"]);
});

test("AuditLogProcessor: never throws if the recorder is full, and reports it", async () => {
  const reported: string[] = [];
  const log = new MemoryLog();
  const recorder = await recorderOf(log, undefined, { maxWaitingBytes: 700 });
  const processor: LogRecordProcessor = new AuditLogProcessor(recorder, { onError: ({ code }) => reported.push(code) });
  const provider = new LoggerProvider({ processors: [processor] });
  for (const eventName of ["a.1", "a.2", "a.3"]) {
    provider.getLogger("jobs").emit({ eventName });
  }
  assert.deepEqual([...new Set(reported)], ["recorder.full"]);
  log.meets(() => refusal(503, "server.unavailable"));
  await provider.forceFlush();
  assert.deepEqual(log.actions, ["a.1"]);
  await recorder.close();
  context.disable();
});

/** OTLP's JSON form of a value. */
interface OtlpValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number;
  bytesValue?: string;
  arrayValue?: { values: OtlpValue[] };
  kvlistValue?: { values: { key: string; value: OtlpValue }[] };
}

function parseValue(value: OtlpValue): unknown {
  const { stringValue, boolValue, intValue, doubleValue, bytesValue, arrayValue, kvlistValue } = value;
  return (
    stringValue ??
    boolValue ??
    doubleValue ??
    (intValue === undefined ? undefined : Number(intValue)) ??
    (bytesValue === undefined ? undefined : new Uint8Array(Buffer.from(bytesValue, "base64"))) ??
    arrayValue?.values.map(parseValue) ??
    (kvlistValue === undefined ? null : attributesOf(kvlistValue.values))
  );
}

function attributesOf(list: { key: string; value: OtlpValue }[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, parseValue(value)]));
}

test("AuditLogProcessor: a log server converts the same records to the same events", async () => {
  const file = new URL("../../../tests/data/otlp/cases.json", import.meta.url);
  const cases = JSON.parse(readFileSync(file, "utf8"));
  assert.ok(cases.length > 10);
  for (const { name, record, event } of cases) {
    const audit = await createTestRecorder();
    const nanos = BigInt(record.timeUnixNano);
    new AuditLogProcessor(audit).onEmit({
      hrTime: [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)],
      spanContext: { traceId: record.traceId ?? "", spanId: record.spanId ?? "" },
      instrumentationScope: { name: "jobs" },
      attributes: attributesOf(record.attributes ?? []),
      severityText: record.severityText,
      severityNumber: record.severityNumber,
      body: record.body === undefined ? undefined : parseValue(record.body),
      eventName: record.eventName,
      droppedAttributesCount: record.droppedAttributesCount ?? 0,
    });
    assert.deepEqual(audit.events(), [event], name);
  }
});
