/** Tests the active span with OpenTelemetry's own API. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { asyncContext } from "../../packages/countersign/dist/context/context.js";
import { type SpanIds, traced } from "../../packages/countersign/dist/opentelemetry.js";
import { createRecorder, generateKey, memory } from "../../packages/countersign/dist/record/record.js";

const IDS = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
const CONTEXT = { trace_id: IDS.traceId, span_id: IDS.spanId };

beforeEach(() => assert.ok(context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())));
afterEach(() => context.disable());

async function start() {
  const { key } = await generateKey("example.com/test");
  const to = memory();
  const recorder = await createRecorder({ key, origin: "log.example/audit", to, autoFlush: false }).ready();
  const contexts = async () => {
    await recorder.flush();
    const lines = to.text().split("\n");
    return lines.flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event.context] : []));
  };
  return { recorder, contexts };
}

const inSpan = <T>(ids: typeof IDS, work: () => T) =>
  context.with(trace.setSpan(context.active(), trace.wrapSpanContext(ids)), work);

test("traced: adds the active span to events", async () => {
  const { recorder, contexts } = await start();
  const audit = traced(recorder);
  audit.record({ action: "a.b" });
  await inSpan(IDS, async () => {
    await Promise.resolve();
    audit.record({ action: "a.c", context: { ip: "::1" } });
    audit.with({ request: "r_1" }).record({ action: "a.d" });
    audit.recordJson('{"action":"a.e"}');
  });
  assert.deepEqual(await contexts(), [
    undefined,
    { ...CONTEXT, ip: "::1" },
    { ...CONTEXT, request_id: "r_1" },
    CONTEXT,
  ]);
});

test("traced: each event has the span active at its time, across asynchronous calls", async () => {
  const { recorder, contexts } = await start();
  const audit = traced(asyncContext(recorder));
  const inner = { ...IDS, spanId: "00f067aa0ba902b7" };
  inSpan(IDS, () =>
    audit.with({ request: "r_1" }, (given) => {
      given.record({ action: "a.b" });
      inSpan(inner, () => audit.record({ action: "a.c" }));
    }),
  );
  assert.deepEqual(await contexts(), [
    { ...CONTEXT, request_id: "r_1" },
    { ...CONTEXT, request_id: "r_1", span_id: inner.spanId },
  ]);
});

test("traced: accepts a function that returns the span", async () => {
  const { recorder, contexts } = await start();
  const spans: (() => SpanIds | undefined)[] = [
    () => ({ traceId: IDS.traceId, spanId: IDS.spanId }),
    () => undefined,
    () => ({ traceId: "0".repeat(32), spanId: "0".repeat(16) }),
    () => ({ traceId: "no identifier", spanId: IDS.spanId }),
    () => {
      throw new Error("of the tracer's");
    },
  ];
  for (const span of spans) {
    traced(recorder, span).record({ action: "a.b" });
  }
  assert.deepEqual(await contexts(), [CONTEXT, undefined, undefined, undefined, undefined]);
});
