import assert from "node:assert/strict";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { recordSample } from "../../scripts/sample.mjs";

test("sample: verifies and is reproducible", async () => {
  const { exported, trust } = await recordSample();
  const { report } = await verify(new TextEncoder().encode(exported), { trust, threads: 0 });
  assert.equal(report.verdict, "verified");
  assert.equal(report.counts.chains, 2);
  assert.deepEqual(await recordSample(), { exported, trust });
});
