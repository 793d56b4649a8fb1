/** Recorders of tests, by the frameworks that use them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { expect } from "expect";
import { z } from "zod";
import { defineEvents } from "../../packages/countersign/dist/catalog/define.js";
import { asyncContext } from "../../packages/countersign/dist/context/context.js";
import {
  type AuditMatchers,
  assertRecorded,
  createTestRecorder,
  matchers,
} from "../../packages/countersign/dist/testing.js";
import { verify } from "../conformance/program.ts";

expect.extend(matchers);
const on = (value: unknown) => expect(value) as unknown as AuditMatchers & { not: AuditMatchers };

test("what was recorded is told at once, as it stands in the log", async () => {
  const audit = await createTestRecorder({ now: "2026-03-01T00:00:00Z" });
  asyncContext(audit).with({ actor: "u_1" }, () => {
    audit.record({ action: "session.login", metadata: { password: "hunter2" } });
  });
  audit.with({ tenant: "acme" }).record({ action: "job.delete", occurred_at: new Date(0) });
  audit.recordJson('{"n":1}');
  const events = [
    { action: "session.login", metadata: { password: "[redacted]" } },
    { action: "job.delete", occurred_at: "1970-01-01T00:00:00.000Z", tenant: "acme" },
    { n: 1 },
  ];
  assert.deepEqual(audit.events(), events);
  audit.clear();
  assert.deepEqual(audit.events(), []);
  const { counts } = await audit.verified();
  assert.equal(counts.events, 3);
});

test("the clock stands still, and the same calls make the same export", async () => {
  const run = async () => {
    const audit = await createTestRecorder();
    audit.record({ action: "a.b" });
    audit.clock.advance(1_000);
    audit.record({ action: "a.c" });
    audit.clock.set("2026-02-01T00:00:00Z");
    audit.record({ action: "a.d" });
    await audit.record({ action: "a.e" }).delivered();
    await audit.close();
    await audit.verified();
    return audit;
  };
  const [one, other] = [await run(), await run()];
  assert.equal(one.exported(), other.exported());
  assert.match(one.exported(), /2026-01-01T00:00:00/);
  assert.match(one.exported(), /2026-01-01T00:00:01/);
  assert.match(one.exported(), /2026-02-01T00:00:00/);
  assert.throws(() => one.clock.set("no time"), { code: "options.invalid" });
});

test("the program verifies it too", async () => {
  const audit = await createTestRecorder();
  audit.record({ action: "a.b" });
  await audit.close();
  const report = await verify(audit.exported(), [], audit.trust);
  assert.equal(report.verdict, "verified");
});

test("matchers for expect.extend", async () => {
  const audit = await createTestRecorder();
  audit.record({ action: "job.delete", actor: { id: "u_1", name: "Ada" }, metadata: { tags: ["a", "b"] } });
  audit.record({ action: "job.delete", actor: { id: "u_2" } });
  on(audit).toHaveRecorded({ action: "job.delete", actor: { id: "u_1" } });
  on(audit).toHaveRecorded({ action: /^job\./, actor: { id: expect.any(String), name: undefined } });
  on(audit).toHaveRecorded({ metadata: { tags: ["a", expect.anything()] } });
  on(audit).not.toHaveRecorded({ metadata: { tags: ["a"] } });
  on(audit).not.toHaveRecorded({ actor: { id: "u_1", name: undefined } });
  on(audit).toHaveRecordedTimes(2, { action: "job.delete" });
  on(audit).not.toHaveRecordedTimes(1, { action: "job.delete" });
  await on(audit).toBeVerified();
  assert.throws(() => on(audit).toHaveRecorded({ action: "job.update" }), /"job\.update".*among 2:\n.*"u_1"/s);
  assert.throws(() => on(audit).not.toHaveRecorded({ action: "job.delete" }), /did not expect an event like/);
  assert.throws(() => on(audit).toHaveRecordedTimes(1, { action: "job.delete" }), /of which there are 2/);
  assert.throws(() => on(asyncContext(audit)).toHaveRecorded({}), /not what wraps it|no recorder of a test/);
});

test("and for who has only what is thrown", async () => {
  const audit = await createTestRecorder();
  audit.record({ action: "job.delete", target: { type: "job", id: "42" } });
  assert.deepEqual(assertRecorded(audit, { target: { type: "job" } }).target, { type: "job", id: "42" });
  const expected = { action: "job.update" };
  assert.throws(() => assertRecorded(audit, expected), { name: "AssertionError", code: "ERR_ASSERTION", expected });
});

test("it takes what a recorder takes, and refuses what that refuses", async () => {
  const events = defineEvents({ "job.delete": z.object({ tenant: z.string() }) });
  const audit = await createTestRecorder({
    events,
    redact: ["ssn"],
    beforeRecord: (event) => ({ ...event, tenant: "a" }),
  });
  audit.record({ action: "job.delete", tenant: "", metadata: { ssn: "1" } });
  assert.deepEqual(audit.events(), [{ action: "job.delete", tenant: "a", metadata: { ssn: "[redacted]" } }]);
  assert.throws(() => audit.record({ action: "job.update" } as never), { code: "event.invalid", member: "action" });
  assert.equal(audit.events().length, 1);
  await assert.rejects(createTestRecorder({ onInvalid: "never" } as never), {
    code: "options.invalid",
    member: "onInvalid",
  });
});

test("what does not verify is an error that says why", async () => {
  const audit = await createTestRecorder({ now: 0 });
  audit.record({ action: "a.b" });
  await audit.verified();
  const failing = Object.assign(Object.create(audit), {
    verified: () => Promise.reject(new Error("the verdict is altered")),
  });
  await assert.rejects(async () => on(failing).toBeVerified(), /the verdict is altered/);
  await assert.rejects(async () => on(audit).not.toBeVerified(), /expected an export that does not verify/);
});
