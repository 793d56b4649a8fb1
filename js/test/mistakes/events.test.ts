/** Tests invalid events, and events recorded at the wrong time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN } from "../conformance/setup.ts";
import { type ExpectedError, full, RIGHT, says, withoutLog } from "./mistake.ts";

const EVENTS: readonly (readonly [name: string, event: unknown, said: ExpectedError])[] = [
  ["undefined", undefined, ["event.invalid", undefined]],
  ["null", null, ["event.invalid", undefined]],
  ["a string", '{"action":"a.b"}', ["event.invalid", undefined]],
  ["an array", [{ action: "a.b" }], ["event.invalid", undefined]],
  ["no action", { actor: { id: "u_1" } }, ["event.invalid", "action"]],
  ["an array as an actor", { action: "a.b", actor: ["u_1"] }, ["event.invalid", "actor"]],
  ["a human-readable date", { action: "a.b", occurred_at: "yesterday" }, ["event.invalid", "occurred_at"]],
  [
    "a number that JSON parsers round",
    { action: "a.b", metadata: { list: [{ n: 2 ** 60 }] } },
    ["event.invalid", "metadata.list.0.n"],
  ],
  [
    "a function in an error's cause",
    { action: "a.b", metadata: { error: new Error("x", { cause: { retry: () => 1 } }) } },
    ["event.invalid", "metadata.error.cause.retry"],
  ],
  [
    "another library's name for a field",
    { action: "a.b", occurredAt: new Date(), targets: [] },
    ["event.invalid", "occurredAt"],
  ],
  ["a misspelled field", { action: "a.b", tragets: {} }, ["event.invalid", "tragets"]],
  [
    "a misspelled nested field",
    { action: "a.b", context: { requestId: "r_1" } },
    ["event.invalid", "context.requestId"],
  ],
  ["an unknown field", { action: "a.b", color: "red" }, ["event.invalid", "color"]],
  [
    "an event that is too large",
    { action: "a.b", metadata: { body: "x".repeat(300_000) } },
    ["event.invalid", undefined],
  ],
];

test("invalid events are rejected immediately", async (t) => {
  const recorder = await full.createRecorder({ ...RIGHT, ...withoutLog, to: full.memory() }).ready();
  for (const [name, event, said] of EVENTS) {
    await t.test(name, () => {
      assert.throws(
        () => recorder.record(event as full.AuditEvent),
        (error) => {
          says(name, error, said);
          return true;
        },
      );
      assert.equal(recorder.queued, 0);
    });
  }
  await t.test("an object passed as JSON", () => {
    assert.throws(() => recorder.recordJson({ action: "a.b" } as never), { hint: /pass JSON text to recordJson/ });
  });
  await recorder.close();
});

/** Fields of events of several tenants. */
const SHARED: readonly (readonly [name: string, fields: object, said: ExpectedError])[] = [
  ["tenants as a string", { tenants: "acme,umbrella" }, ["event.invalid", "tenants"]],
  ["no tenants", { tenants: [] }, ["event.invalid", "tenants"]],
  ["an empty tenant", { tenants: ["acme", ""] }, ["event.invalid", "tenants.1"]],
  ["too many tenants", { tenants: Array.from({ length: 65 }, (_, nth) => `t-${nth}`) }, ["event.invalid", "tenants"]],
  ["a tenant beside tenants", { tenant: "acme", tenants: ["acme", "umbrella"] }, ["event.invalid", "tenants"]],
  [
    "the value that links copies",
    { tenants: ["acme", "umbrella"], metadata: { shared_id: "1" } },
    ["event.invalid", "metadata.shared_id"],
  ],
  ["metadata of several tenants", { tenants: ["acme", "umbrella"], metadata: "m" }, ["event.invalid", "metadata"]],
];

test("invalid events of several tenants are rejected immediately", async (t) => {
  const tenants = { acme: `${ORIGIN}/t/${"0".repeat(32)}`, umbrella: `${ORIGIN}/t/${"1".repeat(32)}` };
  const recorder = await full.createRecorder({ ...RIGHT, tenants }).ready();
  const rejected = (name: string, record: () => void, said: ExpectedError) => {
    assert.throws(record, (error) => {
      says(name, error, said);
      return true;
    });
    assert.equal(recorder.queued, 0);
  };
  for (const [name, fields, said] of SHARED) {
    await t.test(name, () => {
      rejected(name, () => recorder.record({ action: "a.b", ...fields } as full.AuditEvent), said);
    });
  }
  await t.test("tenants in JSON", () => {
    const json = '{"action":"a.b","tenants":["acme","umbrella"]}';
    rejected("tenants in JSON", () => recorder.recordJson(json), ["event.invalid", "tenants"]);
  });
  await t.test("tenants with one log", async () => {
    const alone = await full.createRecorder({ ...RIGHT, ...withoutLog, to: full.memory() }).ready();
    const record = () => alone.record({ action: "a.b", tenants: ["acme", "umbrella"] });
    rejected("tenants with one log", record, ["event.invalid", "tenants"]);
    await alone.close();
  });
  await recorder.close();
});

test("a closed recorder", async () => {
  const recorder = await full.createRecorder({ ...RIGHT, ...withoutLog, to: full.memory() }).ready();
  await recorder.close();
  await recorder.close();
  await recorder.flush();
  const closed = { code: "recorder.out_of_turn", message: /closed/, hint: /create a new one/ };
  assert.throws(() => recorder.record({ action: "a.b" }), closed);
  await assert.rejects(recorder.rotate(RIGHT.key), closed);
});

test("many recorders in a program cause no leak warning", async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on("warning", warned);
  const recorders = await Promise.all(
    Array.from({ length: 20 }, () => full.createRecorder({ ...RIGHT, ...withoutLog, to: full.memory() }).ready()),
  );
  const listeners = process.listenerCount("exit");
  await Promise.all(recorders.map((recorder) => recorder.close()));
  await new Promise(setImmediate);
  process.off("warning", warned);
  assert.deepEqual(warnings, []);
  assert.ok(process.listenerCount("exit") < listeners);
});
