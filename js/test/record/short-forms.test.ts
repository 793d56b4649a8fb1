/** Tests short forms of events, several targets, and the service that records. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { asyncContext, createRecorder, defineEvents, generateKey, memory } from "countersign";
import { createTestRecorder } from "countersign/testing";
import * as v from "valibot";

const FULL = { action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: "42" } };

test("record takes an action and the other fields", async () => {
  const audit = await createTestRecorder();
  audit.record("job.delete", { actor: "u_1", target: ["job", 42] });
  audit.record({ action: "job.delete", actor: "u_1", target: ["job", "42"] });
  audit.record("log.disable");
  class Fields {
    get actor() {
      return "u_1";
    }
    target = ["job", 42n] as const;
  }
  audit.record("job.delete", new Fields());
  assert.deepEqual(audit.events(), [FULL, FULL, { action: "log.disable" }, FULL]);
  await audit.verified();
});

test("record takes the short form in scopes and contexts", async () => {
  const audit = await createTestRecorder();
  const scoped = audit.with({ actor: ["service", "billing", "Billing"], tenant: 7 });
  scoped.record("job.delete", { target: ["job", 42] });
  await asyncContext(audit).with({ actor: "u_1" }, async (inner) => {
    inner.record("job.delete", { target: ["job", 42] });
  });
  const actor = { type: "service", id: "billing", name: "Billing" };
  assert.deepEqual(audit.events(), [{ ...FULL, actor, tenant: "7" }, FULL]);
});

test("record takes the short form before the recorder has started", async () => {
  const to = memory();
  const { key } = await generateKey("example.com/app");
  const audit = createRecorder({ key, to, origin: "example.com/audit", service: false });
  const handle = audit.record("job.delete", { actor: "u_1", target: ["job", 42] });
  await audit.flush();
  await handle.stored();
  assert.deepEqual(JSON.parse(to.text().trim().split("\n").at(-1) ?? "").event, FULL);
  await audit.close();
});

test("tuples have a type, an ID, and perhaps a name", async () => {
  const audit = await createTestRecorder();
  audit.record("job.run", { actor: ["agent", 7], target: ["job", 42, "Nightly"] });
  audit.record("job.run", { target: ["job", 42, null] });
  assert.deepEqual(audit.events(), [
    { action: "job.run", actor: { type: "agent", id: "7" }, target: { type: "job", id: "42", name: "Nightly" } },
    { action: "job.run", target: { type: "job", id: "42" } },
  ]);
  for (const [wrong, member] of [
    [{ target: ["job"] }, "target"],
    [{ target: ["job", 1, "a", "b"] }, "target"],
    [{ target: [1, "job"] }, "target"],
    [{ target: ["job", {}] }, "target.id"],
    [{ actor: ["robot", 1] }, "actor.type"],
    [{ actor: [] }, "actor"],
  ] as const) {
    assert.throws(
      () => audit.record("job.run", wrong as never),
      { code: "event.invalid", member },
      JSON.stringify(wrong),
    );
  }
});

test("a second argument that isn't an object is reported, and recorded", async () => {
  const reported: string[] = [];
  const audit = await createTestRecorder({ onInvalid: "report", onError: ({ member }) => reported.push(member ?? "") });
  audit.record("job.delete", "u_1" as never);
  const [event] = audit.events();
  assert.equal((event as { fields?: unknown }).fields, "u_1");
  assert.equal(event?.action, "job.delete");
  assert.deepEqual(reported, ["fields"]);
});

test("several targets: the first is the target, and the others are in metadata", async () => {
  const audit = await createTestRecorder();
  audit.record("file.share", {
    targets: [["file", 1], { type: "file", id: 2, name: "b" }, ["group", "g"]],
    metadata: { via: "link" },
  });
  audit.record("file.share", { targets: [["file", 1]] });
  assert.deepEqual(audit.events(), [
    {
      action: "file.share",
      target: { type: "file", id: "1" },
      metadata: {
        via: "link",
        targets: [
          { type: "file", id: "2", name: "b" },
          { type: "group", id: "g" },
        ],
      },
    },
    { action: "file.share", target: { type: "file", id: "1" } },
  ]);
  await audit.verified();
});

for (const [what, wrong, member] of [
  ["no target", { targets: [] }, "targets"],
  ["too many targets", { targets: Array.from({ length: 65 }, (_, id) => ["file", id]) }, "targets"],
  ["a target's ID instead of an array", { targets: "file" }, "targets"],
  ["a string among the targets", { targets: [["file", 1], "file"] }, "targets.1"],
  ["a target without an ID", { targets: [["file", 1], { type: "file" }] }, "targets.1"],
  ["both target and targets", { target: ["file", 1], targets: [["file", 2]] }, "targets"],
  [
    "targets in metadata too",
    {
      targets: [
        ["a", 1],
        ["a", 2],
      ],
      metadata: { targets: 1 },
    },
    "metadata.targets",
  ],
  ["an empty ID", { id: "" }, "id"],
  ["a long ID", { id: "x".repeat(201) }, "id"],
  ["an object as ID", { id: {} }, "id"],
  ["another ID in metadata", { id: "a", metadata: { event_id: "b" } }, "metadata.event_id"],
  ["metadata that isn't an object", { id: "a", metadata: 5 }, "metadata"],
] as const) {
  test(`invalid: ${what}`, async () => {
    const strict = await createTestRecorder();
    assert.throws(() => strict.record("file.share", wrong as never), { code: "event.invalid", member });
    assert.deepEqual(strict.events(), []);
    const reported: unknown[] = [];
    const audit = await createTestRecorder({ onInvalid: "report", onError: (error) => reported.push(error.member) });
    audit.record("file.share", wrong as never);
    assert.deepEqual(reported, [member]);
    const [event] = audit.events();
    assert.equal(event?.action, "file.share");
    const { countersign_problems: problems } = (event?.metadata ?? {}) as {
      countersign_problems?: { field: string }[];
    };
    assert.deepEqual(
      problems?.map(({ field }) => field),
      [member],
    );
    await audit.verified();
  });
}

test("fields that throw when read are reported with the others recorded", async () => {
  const reported: unknown[] = [];
  const audit = await createTestRecorder({ onInvalid: "report", onError: (error) => reported.push(error.member) });
  const throwing = (name: string) =>
    Object.defineProperty({ action: "a.b", id: name } as object, name, {
      enumerable: true,
      get() {
        throw new Error("no");
      },
    });
  for (const name of ["id", "targets", "target", "metadata"]) {
    audit.record(throwing(name) as never);
  }
  assert.equal(audit.events().length, 4);
  assert.deepEqual([...new Set(reported)], ["id", "targets", "target", "metadata"]);
});

test("fields after an action that throw when read are reported with the others recorded", async () => {
  const reported: unknown[] = [];
  const audit = await createTestRecorder({ onInvalid: "report", onError: (error) => reported.push(error.member) });
  const fields = {
    actor: "u_1",
    get target(): never {
      throw new Error("boom");
    },
  };
  audit.record("a.b", fields);
  audit.with({ tenant: "acme" }).record("a.b", fields);
  assert.deepEqual(
    audit.events().map(({ action, actor }) => [action, actor?.id]),
    [
      ["a.b", "u_1"],
      ["a.b", "u_1"],
    ],
  );
  assert.deepEqual(reported, ["target", "target"]);
  const strict = await createTestRecorder({ onInvalid: "throw" });
  assert.throws(() => strict.record("a.b", fields), { code: "event.invalid", member: "target" });
});

test("metadata of any class keeps its fields next to those of the recorder", async () => {
  const audit = await createTestRecorder({ service: "billing" });
  audit.record("a.b", { id: "m_1", metadata: new Map([["k", 1n]]) });
  audit.record("a.c", { id: "m_1", metadata: new Error("no") });
  const [first, second] = audit.events();
  assert.deepEqual(first?.metadata, { k: 1, event_id: "m_1", service: { name: "billing" } });
  const { message } = (second?.metadata ?? {}) as { message?: string };
  assert.equal(message, "no");
});

test("the service is recorded unless the event has one", async () => {
  const audit = await createTestRecorder({ service: { name: "billing", version: "1.4.2" } });
  audit.record("a.b");
  audit.record("a.b", { metadata: { service: "own" } });
  audit.recordJson('{"action":"a.b"}');
  assert.deepEqual(
    audit.events().map(({ metadata }) => metadata),
    [{ service: { name: "billing", version: "1.4.2" } }, { service: "own" }, undefined],
  );
  await audit.verified();
});

test("the service comes from OpenTelemetry's variables", async (context) => {
  const { key } = await generateKey("example.com/app");
  const recorded = async () => {
    const to = memory();
    const audit = createRecorder({ key, to, origin: "example.com/audit" });
    audit.record("a.b");
    await audit.close();
    return to
      .text()
      .split("\n")
      .flatMap((line) => (line.includes('"event":') ? [JSON.parse(line).event.metadata?.service] : []))[0];
  };
  context.after(() => {
    delete process.env.OTEL_SERVICE_NAME;
    delete process.env.OTEL_RESOURCE_ATTRIBUTES;
  });
  assert.equal(await recorded(), undefined);
  // A pair without "=" is not a pair.
  process.env.OTEL_RESOURCE_ATTRIBUTES = "service.nameX,=service.name, =a";
  assert.equal(await recorded(), undefined);
  process.env.OTEL_RESOURCE_ATTRIBUTES = "service.name=from%20attributes, service.version=2,broken=%";
  assert.deepEqual(await recorded(), { name: "from attributes", version: "2" });
  process.env.OTEL_SERVICE_NAME = "billing";
  assert.deepEqual(await recorded(), { name: "billing", version: "2" });
});

test("catalogs check and type the short form", async () => {
  const events = defineEvents({
    "job.delete": v.object({ target: v.object({ type: v.literal("job"), id: v.string() }) }),
    "job.pause": v.object({}),
  });
  const audit = await createTestRecorder({ events });
  audit.record("job.delete", { target: { type: "job", id: "42" }, id: "m_1" });
  audit.record("job.pause");
  assert.deepEqual(
    audit.events().map(({ action }) => action),
    ["job.delete", "job.pause"],
  );
  // @ts-expect-error: `target` is required.
  assert.throws(() => audit.record("job.delete"), { code: "event.invalid" });
  // @ts-expect-error: the action isn't in the catalog.
  assert.throws(() => audit.record("job.start"), { code: "event.invalid" });
});
