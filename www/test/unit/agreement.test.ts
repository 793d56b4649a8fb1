import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding, FindingCode, Report } from "countersign/verify";
import { answer } from "../../src/state/agreement.ts";

type State = Report["checks"]["append_only"]["state"];

/** Returns the answer of a report with this state of `append_only` and perhaps a finding. */
function answerTo(state: State, code?: FindingCode) {
  const report = {
    checks: { append_only: { state } },
    findings: code === undefined ? [] : [{ code } as Finding],
    finding_counts: code === undefined ? {} : { [code]: 1 },
  };
  const given = answer({ report: report as unknown as Report, phrases: {} });
  return given.is === "contradicts" ? [given.is, given.finding?.code] : [given.is];
}

test("answer: depends on the check of the pin", () => {
  assert.deepEqual(answerTo("pass"), ["grown"]);
  assert.deepEqual(answerTo("not_checked"), ["unknown"]);
  assert.deepEqual(answerTo("fail", "append_only.rollback"), ["contradicts", "append_only.rollback"]);
});

test("answer: a head that contradicts the pin is a contradiction, even if the entries agree", () => {
  for (const state of ["pass", "not_checked"] as const)
    for (const code of ["head.split", "head.order"] as const)
      assert.deepEqual(answerTo(state, code), ["contradicts", code]);
});
