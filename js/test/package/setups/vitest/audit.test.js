import { createTestRecorder, matchers } from "countersign/testing";
import { expect, test } from "vitest";

expect.extend(matchers);

test("matchers find recorded events", async () => {
  const audit = await createTestRecorder();
  audit.record({ action: "job.delete", actor: { id: "u_1", name: "Ada" } });
  expect(audit).toHaveRecorded({ action: "job.delete", actor: { id: expect.any(String) } });
  expect(audit).toHaveRecordedTimes(1, { action: /^job\./ });
  expect(audit).not.toHaveRecorded({ action: "job.create" });
  await expect(audit).toBeVerified();
});

test("toHaveRecorded fails for an event that was not recorded", async () => {
  const audit = await createTestRecorder();
  audit.record({ action: "job.delete" });
  expect(() => expect(audit).toHaveRecorded({ action: "job.create" })).toThrow(/a recorded event like.*job\.create/s);
});
