/** Announcements of a verification to screen readers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "../../packages/ui/dist/viewer/session/session.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { Announcer } from "../../packages/ui/dist/viewer/verdict/announcer.js";

const at = (bytes: number, more: object = {}) =>
  ({ phase: "verifying", progress: { bytes, total: 100 }, ...more }) as Session;
const report = {
  verdict: "altered",
  complete: null,
  counts: { entries: 3, skipped: 0 },
  checks: { payloads: { checked: 3 } },
  findings: [{ severity: "error" }, { severity: "warning" }],
  finding_counts: { "payload.mismatch": 1 },
};
const done = { report, verification: { report, why: null } };

test("Announcer: announces progress at intervals and the verdict last", () => {
  const announcer = new Announcer();
  const announced = [3, 12, 15, 60, 100].map((bytes) => {
    announcer.change(at(bytes), en);
    return announcer.message;
  });
  assert.deepEqual(announced, [
    "",
    "Checking, 12 percent",
    "Checking, 12 percent",
    "Checking, 60 percent",
    "Checking, 100 percent",
  ]);
  announcer.report(at(100, done), en);
  const verdict = announcer.message;
  assert.match(verdict, /^Verdict: Altered\. 1 of 3 events was changed after signing\. 1 error listed\.$/);
  announcer.change(at(100, done), en);
  announcer.change(at(100, { ...done, phase: "done" }), en);
  assert.equal(announcer.message, verdict);
  announcer.begin();
  assert.equal(announcer.message, "");
});

test("Announcer: announces a cancellation", () => {
  const announcer = new Announcer();
  announcer.change(at(50, { phase: "canceled" }), en);
  assert.equal(announcer.message, en.progress.canceled);
});
