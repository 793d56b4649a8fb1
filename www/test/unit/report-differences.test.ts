import assert from "node:assert/strict";
import { test } from "node:test";
import { readReport } from "../../src/input/report-file.ts";
import { reportDifferences } from "../../src/state/report-differences.ts";
import { vector } from "../page/vectors.ts";

const report = JSON.stringify(vector("large-whole").report);

const read = (change: object = {}) => {
  const found = readReport("r.json", JSON.stringify({ ...JSON.parse(report), ...change }));
  assert.ok(found);
  return found.report;
};

test("reportDifferences: lists verdict, counts, root, signers, and problems, but no sentences", () => {
  assert.deepEqual(reportDifferences(read(), read({ findings: [{ message: "other" }] })), []);
  const { log, counts, signers, finding_counts } = read();
  const other = read({
    verdict: "partial",
    complete: null,
    counts: { ...counts, entries: 312 },
    log: { ...log, root: "AAAA" },
    signers: signers.slice(1),
    finding_counts: { ...finding_counts, "chain.gap": 2 },
  });
  assert.deepEqual(
    reportDifferences(read(), other).map(({ about, theirs, ours }) => [about.is, theirs, ours]),
    [
      ["verdict", "verified", "partial"],
      ["count", "313", "312"],
      ["root", log?.root, "AAAA"],
      ["problem", undefined, "2"],
      ["complete", "0..313", undefined],
      ["signer", signers[0]?.trust, undefined],
    ],
  );
});

test("readReport: refuses what isn't a report", () => {
  for (const text of [
    "",
    "[]",
    "null",
    '{"countersign":"export/v1"}',
    '{"countersign":"report/v1","checks":[]}',
  ])
    assert.equal(readReport("r.json", text), undefined, text);
});
