/** Mistakes in what is recorded, and when. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { full, RIGHT, type Said, says, withoutLog } from "./mistake.ts";

const EVENTS: readonly (readonly [name: string, event: unknown, said: Said])[] = [
  ["nothing", undefined, ["event.invalid", undefined]],
  ["null", null, ["event.invalid", undefined]],
  ["text", '{"action":"a.b"}', ["event.invalid", undefined]],
  ["a list", [{ action: "a.b" }], ["event.invalid", undefined]],
  ["no action", { actor: { id: "u_1" } }, ["event.invalid", "action"]],
  ["a list as an actor", { action: "a.b", actor: ["u_1"] }, ["event.invalid", "actor"]],
  ["a date for people", { action: "a.b", occurred_at: "yesterday" }, ["event.invalid", "occurred_at"]],
  [
    "a number that readers of JSON round",
    { action: "a.b", metadata: { list: [{ n: 2 ** 60 }] } },
    ["event.invalid", "metadata.list.0.n"],
  ],
  [
    "a function in an error's cause",
    { action: "a.b", metadata: { error: new Error("x", { cause: { retry: () => 1 } }) } },
    ["event.invalid", "metadata.error.cause.retry"],
  ],
  [
    "what another library calls a field",
    { action: "a.b", occurredAt: new Date(), targets: [] },
    ["event.invalid", "occurredAt"],
  ],
  ["a field misspelt", { action: "a.b", tragets: {} }, ["event.invalid", "tragets"]],
  [
    "a field within a field, misspelt",
    { action: "a.b", context: { requestId: "r_1" } },
    ["event.invalid", "context.requestId"],
  ],
  ["a field that there is not", { action: "a.b", color: "red" }, ["event.invalid", "color"]],
  ["too much", { action: "a.b", metadata: { body: "x".repeat(300_000) } }, ["event.invalid", undefined]],
];

test("what is no event is refused at once", async (t) => {
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
  await t.test("an object given as JSON", () => {
    assert.throws(() => recorder.recordJson({ action: "a.b" } as never), { hint: /record takes objects/ });
  });
  await recorder.close();
});

test("a recorder that was closed", async () => {
  const recorder = await full.createRecorder({ ...RIGHT, ...withoutLog, to: full.memory() }).ready();
  await recorder.close();
  await recorder.close();
  await recorder.flush();
  const closed = { code: "recorder.out_of_turn", message: /closed/, hint: /create a new one/ };
  assert.throws(() => recorder.record({ action: "a.b" }), closed);
  await assert.rejects(recorder.rotate(RIGHT.key), closed);
});

test("many recorders in one program are no leak", async () => {
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
