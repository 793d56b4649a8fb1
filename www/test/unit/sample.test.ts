import assert from "node:assert/strict";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { recordSample } from "../../scripts/sample.mjs";

test("sample: is a log with witnesses, a pin, and a withheld event, and is reproducible", async () => {
  const { exported, pin, trust } = await recordSample();
  const { report } = await verify(new TextEncoder().encode(exported), { trust, pins: [pin], threads: 0 });
  assert.equal(report.verdict, "partial");
  const { tree, log, append_only, witnesses, closure } = report.checks;
  assert.deepEqual(
    [tree, log, append_only, witnesses, closure].map(({ state }) => state),
    Array(5).fill("pass"),
  );
  assert.equal(report.log?.size, 65);
  assert.deepEqual([report.counts.chains, report.counts.events, report.counts.withheld], [2, 60, 1]);
  assert.deepEqual(Object.keys(report.finding_counts), ["payload.withheld"]);
  assert.deepEqual(await recordSample(), { exported, pin, trust });
});
