/** Tests invalid events: in production, problems are reported and the rest is recorded. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { type CountersignError, createRecorder, defineEvents, generateKey, memory } from "countersign";
import { createTestRecorder } from "countersign/testing";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";

interface Problem {
  readonly field: string;
  readonly problem: string;
  readonly recorded: boolean;
}

async function reporting(options: Parameters<typeof createTestRecorder>[0] = {}) {
  const reported: CountersignError[] = [];
  const audit = await createTestRecorder({ onInvalid: "report", onError: (error) => reported.push(error), ...options });
  const record = (event: unknown) => {
    audit.clear();
    reported.length = 0;
    const handle = audit.record(event as never);
    const [recorded] = audit.events();
    const { countersign_problems: problems, ...metadata } = (recorded?.metadata ?? {}) as Record<string, unknown>;
    return { handle, event: { ...recorded, metadata }, problems: (problems ?? []) as Problem[] };
  };
  return { audit, reported, record };
}

test('onInvalid: "report" omits values that aren\'t data and records the rest', async () => {
  const { audit, reported, record } = await reporting();
  const made = record({
    action: "job.delete",
    actor: { id: "u_1", type: "admin" },
    target: { type: "job", id: "42" },
    metadata: { error: new Error("x", { cause: { retry: () => 1 } }), list: [1, () => 2], ok: true },
    context: { ip: "" },
    occurred_at: "yesterday",
  });
  const { metadata, ...rest } = made.event;
  assert.deepEqual(rest, {
    action: "job.delete",
    actor: { id: "u_1" },
    target: { type: "job", id: "42" },
    context: {},
  });
  const { error, ...others } = metadata as { error: { message: string; cause: object } };
  assert.deepEqual([error.message, error.cause, others], ["x", {}, { list: [1, null], ok: true }]);
  const fields = ["metadata.error.cause.retry", "metadata.list.1", "actor.type", "occurred_at", "context.ip"];
  assert.deepEqual(made.problems.map(({ field }) => field).sort(), fields.sort());
  assert.deepEqual(reported.map(({ member }) => member).sort(), fields);
  for (const { code, message, hint } of reported) {
    assert.equal(code, "event.invalid");
    assert.match(message, /^an event was recorded without an invalid value: /);
    assert.ok(hint);
  }
  await made.handle.stored();
  await audit.verified();
});

test('onInvalid: "report" omits the parent of a missing required field', async () => {
  const { reported, record } = await reporting();
  const made = record({
    action: "a.b",
    actor: { id: "" },
    http: { method: "GET", path: "/x", status: 1.5 },
    tenant: "t",
  });
  assert.deepEqual(made.event, { action: "a.b", tenant: "t", metadata: {} });
  assert.deepEqual(made.problems.map(({ field }) => field).sort(), ["actor", "actor.id", "http", "http.status"]);
  assert.equal(reported.length, 4);
  for (const part of ["before", "after", "metadata"]) {
    for (const value of [[], "text", new Date(0), () => 1, 7]) {
      const { event, problems } = record({ action: "a.b", actor: "u_1", [part]: value });
      assert.deepEqual(event, { action: "a.b", actor: { id: "u_1" }, metadata: {} });
      assert.deepEqual(
        problems.map(({ field, recorded }) => [field, recorded]),
        [[part, false]],
      );
    }
  }
});

test('onInvalid: "report" omits the largest fields of a too large event', async () => {
  const { audit, record } = await reporting();
  const made = record({
    action: "a.b",
    actor: "u_1",
    before: { text: "b".repeat(100_000) },
    after: { text: "x".repeat(300_000) },
    metadata: { ok: true },
  });
  assert.deepEqual(made.event, {
    action: "a.b",
    actor: { id: "u_1" },
    before: { text: "b".repeat(100_000) },
    metadata: { ok: true },
  });
  assert.deepEqual(
    made.problems.map(({ field }) => field),
    ["after"],
  );
  await audit.verified();
});

test("ambiguous values are recorded as strings", async () => {
  const { record } = await reporting();
  const made = record({ action: "a.b", metadata: { n: 2 ** 60, text: "a\ud800" } });
  assert.deepEqual(made.event.metadata, { n: "1152921504606846976", text: "a\ufffd" });
  assert.deepEqual(
    made.problems.map(({ field, recorded }) => [field, recorded]),
    [
      ["metadata.n", true],
      ["metadata.text", true],
    ],
  );
});

test("unknown fields are reported", async () => {
  const { reported, record } = await reporting();
  const event = {
    action: "user.signed_in",
    occurredAt: "2026-01-01",
    actor: { id: "u_1", email: "a@example.com" },
    resource: { type: "team", id: "t" },
    context: { location: "1.2.3.4", userAgent: "x" },
  };
  const made = record(event);
  const { metadata, ...rest } = made.event;
  assert.deepEqual([rest, metadata], [event, {}]);
  assert.deepEqual(made.problems, [
    { field: "occurredAt", problem: 'the field "occurredAt" is unknown', recorded: true },
    { field: "resource", problem: 'the field "resource" is unknown', recorded: true },
    { field: "context.location", problem: 'the field "context.location" is unknown', recorded: true },
    { field: "context.userAgent", problem: 'the field "context.userAgent" is unknown', recorded: true },
  ]);
  assert.deepEqual(
    reported.map(({ hint }) => hint?.split(",")[0]),
    ["use occurred_at", "use target", "use context.ip", "use context.user_agent"],
  );
});

test("likely misspellings are reported, and other attributes aren't", async () => {
  const { reported, record } = await reporting();
  for (const [part, name, meant] of [
    [undefined, "acter", "actor"],
    [undefined, "tenantId", "tenant"],
    [undefined, "userAgent", "context.user_agent"],
    [undefined, "timestamp", "occurred_at"],
    [undefined, "meta", "metadata"],
    ["actor", "sessionId", "actor.session"],
    ["actor", "ID", "actor.id"],
    ["actor", "nmae", "actor.name"],
    ["target", "kind", "target.type"],
    ["context", "traceId", "context.trace_id"],
    ["context", "ipAddress", "context.ip"],
    ["http", "statusCode", "http.status"],
    ["http", "latencyMs", "http.latency_ms"],
  ] as const) {
    const given = { actor: { id: "u" }, target: { type: "t", id: "1" }, http: { method: "GET", path: "/", status: 1 } };
    const held = part === undefined ? {} : { [part]: { ...(given as Record<string, object>)[part], [name]: "x" } };
    record({ action: "a.b", ...held, ...(part === undefined ? { [name]: "x" } : {}) });
    assert.match(reported[0]?.hint ?? "", new RegExp(`^use ${meant.replace(".", "\\.")},`), name);
  }
  const own = { actor: { id: "u", email: "e", role: "r", ip: "i" }, target: { type: "t", id: "1", url: "u", size: 1 } };
  assert.deepEqual(record({ action: "a.b", ...own, context: { city: "c", device: "d" } }).problems, []);
});

test("values are normalized", async () => {
  const audit = await createTestRecorder();
  const at = Date.UTC(2026, 0, 31, 12);
  audit.record({ action: "a.b", actor: "u_1", target: { type: "job", id: 42 }, occurred_at: at });
  audit.record({ action: "a.b", actor: 7, tenant: 9n, context: { request_id: 5 as never }, occurred_at: new Date(at) });
  audit.record({
    action: "a.b",
    actor: { id: 7n, type: null, name: null, session: 3 },
    target: null,
    outcome: null,
    reason: null,
    occurred_at: null,
    tenant: null,
    context: { ip: null, geo: null },
    http: null,
    before: null,
    after: null,
    metadata: null,
  });
  audit.with({ actor: 7, tenant: null, request: null, context: null }).record({ action: "a.b", actor: null });
  const time = "2026-01-31T12:00:00.000Z";
  assert.deepEqual(audit.events(), [
    { action: "a.b", actor: { id: "u_1" }, target: { type: "job", id: "42" }, occurred_at: time },
    { action: "a.b", actor: { id: "7" }, tenant: "9", context: { request_id: "5" }, occurred_at: time },
    { action: "a.b", actor: { id: "7", session: "3" }, context: {} },
    { action: "a.b", actor: { id: "7" } },
  ]);
  for (const id of [Number.NaN, Number.POSITIVE_INFINITY, {}, true]) {
    assert.throws(() => audit.record({ action: "a.b", actor: { id: id as never } }), { member: "actor.id" });
  }
  assert.throws(() => audit.record({ action: "a.b", occurred_at: Number.NaN }), { member: "occurred_at" });
});

test("a class instance contributes accessors of its class", async () => {
  class Base {
    readonly #id: string = "u_1";
    get actor() {
      return { id: this.#id };
    }
    get isRecent() {
      return true;
    }
  }
  class JobDeleted extends Base {
    action = "job.delete" as const;
    get target() {
      return new (class {
        get type() {
          return "job";
        }
        id = 42;
      })();
    }
    metadata() {
      return "a method is no field";
    }
  }
  const audit = await createTestRecorder();
  const whole = { action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: "42" } };
  audit.record(new JobDeleted() as never);
  audit.with({ tenant: "acme" }).record(new JobDeleted() as never);
  audit.with({ actor: "u_2" }).record({ toJSON: () => ({ action: "a.b", tenant: "acme" }) } as never);
  assert.deepEqual(audit.events(), [
    whole,
    { ...whole, tenant: "acme" },
    { action: "a.b", actor: { id: "u_2" }, tenant: "acme" },
  ]);
});

test("an input that isn't an event is recorded as dropped", async () => {
  const { audit, reported } = await reporting();
  for (const event of [undefined, "some text", [], { action: "" }, { actor: { id: "u_1" } }, { toJSON: () => 1 }]) {
    await assert.rejects(audit.record(event as never).delivered(), { code: "event.invalid" });
  }
  await assert.rejects(audit.recordJson("[]").stored(), { code: "event.invalid" });
  assert.equal(reported.length, 7);
  assert.deepEqual(new Set(audit.events().map(({ action }) => action)), new Set(["countersign.dropped"]));
});

test("an event that its schema rejects is recorded and reported", async () => {
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        "target" in (value as object)
          ? { value: { target: (value as { target: unknown }).target, invoice: 1 } }
          : { issues: [{ message: "required", path: ["target"] }] },
    },
  };
  const { reported, record } = await reporting({ events: defineEvents({ "job.delete": schema }) as never });
  assert.deepEqual(
    record({ action: "job.delete", tenant: "t" }).problems.map(({ field }) => field),
    ["target"],
  );
  assert.deepEqual(
    record({ action: "job.create" }).problems.map(({ field }) => field),
    ["action"],
  );
  assert.equal(
    reported[0]?.message,
    'an event was recorded with a problem: "job.create" is not in the recorder\'s catalog of events',
  );
  // Fields in the schema are correct, and others may be misspelled.
  const target = { type: "t", id: "1" };
  assert.deepEqual(record({ action: "job.delete", target, invoice: 1, anything: 1 }).problems, []);
  assert.deepEqual(
    record({ action: "job.delete", target, targets: [] }).problems.map(({ field }) => field),
    ["targets"],
  );
});

test("a recorder that hasn't read its options reports it too", async () => {
  const to = memory();
  const { key } = await generateKey("example.com/test");
  const reported: CountersignError[] = [];
  const onError = (error: CountersignError) => reported.push(error);
  const read = async () => ({ key, to, origin: "log.example", onInvalid: "report" as const, onError });
  const lazy = () => createLazyRecorder({ read, isShared: false, required: false });
  const invalid = { action: "a.b", actor: "u_1", metadata: { f: () => 1 } };
  // Before the options are read, tests throw by default.
  assert.throws(() => lazy().record(invalid as never), { member: "metadata.f" });
  const recorder = lazy();
  process.env.NODE_ENV = "production";
  try {
    recorder.record(invalid as never);
  } finally {
    delete process.env.NODE_ENV;
  }
  await recorder.flush();
  const [event] = to
    .text()
    .split("\n")
    .flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));
  assert.deepEqual(event?.actor, { id: "u_1" });
  assert.match(JSON.stringify(event?.metadata), /"field":"metadata.f"/);
  assert.deepEqual(
    reported.map(({ member }) => member),
    ["metadata.f"],
  );
});

test("outside of development and tests, an event can't make a handler fail", async () => {
  const { key } = await generateKey("example.com/app");
  const program = `
    import { createRecorder, memory } from "countersign";
    const to = memory();
    const audit = await createRecorder({ key: ${JSON.stringify(key)}, origin: "log.example/audit", to }).ready();
    try {
      audit.record({ action: "a.b", metadata: { f: () => 1 } });
      console.log("recorded");
    } catch ({ member }) {
      console.log("threw", member);
    }`;
  const run = (env: Record<string, string>) => {
    const { NODE_ENV: _, NODE_TEST_CONTEXT: __, ...rest } = process.env;
    const options = { env: { ...rest, ...env }, encoding: "utf8", cwd: import.meta.dirname } as const;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], options);
    return [stdout.trim(), /an event was recorded without an invalid value: metadata\.f: a function/.test(stderr)];
  };
  assert.deepEqual(run({}), ["recorded", true]);
  assert.deepEqual(run({ NODE_ENV: "production" }), ["recorded", true]);
  assert.deepEqual(run({ NODE_ENV: "development" }), ["threw metadata.f", false]);
  assert.deepEqual(run({ NODE_ENV: "test" }), ["threw metadata.f", false]);
  assert.deepEqual(run({ NODE_TEST_CONTEXT: "child-v8" }), ["threw metadata.f", false]);
  assert.throws(() => createRecorder({ key, origin: "o", to: memory(), onInvalid: "ignore" as never }), {
    member: "onInvalid",
  });
});
