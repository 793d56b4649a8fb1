/** Mistakes in what is recorded, and when. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { full, RIGHT, type Said, says, withoutLog } from "./mistake.ts";

const EVENTS: readonly (readonly [name: string, event: unknown, said: Said])[] = [
  ["nothing", undefined, ["event.invalid", undefined, /undefined/, /\{ action: "job\.delete" \}/]],
  ["null", null, ["event.invalid", undefined, /null/, /give an object/]],
  ["text", '{"action":"a.b"}', ["event.invalid", undefined, /string/, /recordJson takes text/]],
  ["a list", [{ action: "a.b" }], ["event.invalid", undefined, /array/, /give an object/]],
  [
    "no action",
    { actor: { id: "u_1" } },
    ["event.invalid", "action", /action is required/, /an event needs an action, an actor an id/],
  ],
  ["a list as an actor", { action: "a.b", actor: ["u_1"] }, ["event.invalid", "actor", /an object/, /metadata takes/]],
  [
    "a date for people",
    { action: "a.b", occurred_at: "yesterday" },
    ["event.invalid", "occurred_at", /a time/, /SPEC/],
  ],
  [
    "a number that readers of JSON round",
    { action: "a.b", metadata: { list: [{ n: 2 ** 60 }] } },
    [
      "event.invalid",
      "metadata.list.0.n",
      /^metadata\.list\.0\.n: a number above 2\^53 - 1/,
      /a string, or as a BigInt/,
    ],
  ],
  [
    "a function in an error's cause",
    { action: "a.b", metadata: { error: new Error("x", { cause: { retry: () => 1 } }) } },
    ["event.invalid", "metadata.error.cause.retry", /^metadata\.error\.cause\.retry: a function/, /leave it out/],
  ],
  [
    "what another library calls a field",
    { action: "a.b", occurredAt: new Date(), targets: [] },
    ["event.invalid", "occurredAt", /unknown field "occurredAt"/, /use occurred_at, or put it in metadata/],
  ],
  ["a field misspelt", { action: "a.b", tragets: {} }, ["event.invalid", "tragets", /unknown field/, /use target,/]],
  [
    "a field within a field, misspelt",
    { action: "a.b", context: { requestId: "r_1" } },
    ["event.invalid", "context.requestId", /unknown field "context\.requestId"/, /use context\.request_id,/],
  ],
  [
    "a field that there is not",
    { action: "a.b", colour: "red" },
    ["event.invalid", "colour", /unknown field "colour"/, /put it in metadata: an event has action, actor/],
  ],
  [
    "too much",
    { action: "a.b", metadata: { body: "x".repeat(300_000) } },
    ["event.invalid", undefined, /262144/, /a hash of what is large/],
  ],
];

test("what is no event is refused at once", async (t) => {
  const recorder = await full.createRecorder({ ...RIGHT, ...withoutLog, to: full.memory() }).ready();
  for (const [name, event, said] of EVENTS) {
    await t.test(name, () => {
      assert.throws(
        () => recorder.record(event as full.AuditEvent),
        (error) => {
          says(error, said);
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
