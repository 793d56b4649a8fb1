/** The count of problems and notes beside a verdict. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { tally } from "../../packages/ui/dist/viewer/verdict/strip-details.js";

/** Returns the words for findings, given as code, severity, and count. */
function words(...findings: readonly (readonly [code: string, severity: string, count: number])[]): string {
  const report = {
    findings: findings.map(([code, severity]) => ({ code, severity })),
    finding_counts: Object.fromEntries(findings.map(([code, , count]) => [code, count])),
  };
  return tally(report as unknown as Parameters<typeof tally>[0], en);
}

test("tally: counts notes with the same code once", () => {
  const { severities } = en.result;
  assert.equal(words(["payload.withheld", "info", 25]), severities.info(1));
  assert.equal(words(["payload.withheld", "info", 25], ["log.old", "info", 3]), severities.info(2));
});

test("tally: counts each error and warning", () => {
  const { severities } = en.result;
  assert.equal(
    words(["entry.missing", "error", 7], ["key.old", "warning", 2], ["payload.withheld", "info", 25]),
    [severities.error(7), severities.warning(2), severities.info(1)].join(", "),
  );
});
