import assert from "node:assert/strict";
import { test } from "node:test";
import { readReport } from "../../src/input/report-file.ts";
import { pinDifferences, reportDifferences } from "../../src/state/report-differences.ts";
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

test("pinDifferences: a pin of one report alone is no other result, and what it shows is told apart", () => {
  const { checks, finding_counts, log } = read();
  const withPin = (state: string, change: object = {}) =>
    read({ checks: { ...checks, append_only: { ...checks.append_only, state } }, ...change });
  const compare = (theirs: ReturnType<typeof read>, ours: ReturnType<typeof read>) => {
    const { onlyIn, explainsAll, others } = pinDifferences(reportDifferences(theirs, ours));
    return [onlyIn, explainsAll, others.map(({ about }) => about.is)];
  };
  const without = withPin("not_checked");
  assert.deepEqual(compare(without, withPin("pass")), ["ours", true, []]);
  assert.deepEqual(compare(withPin("pass"), without), ["theirs", true, []]);
  const rewritten = {
    verdict: "altered",
    complete: null,
    finding_counts: { ...finding_counts, "append_only.rollback": 1 },
  };
  const found = ["verdict", "check", "problem", "complete"];
  assert.deepEqual(compare(without, withPin("fail", rewritten)), [undefined, true, found]);
  const other = withPin("pass", { log: { ...log, root: "AAAA" } });
  assert.deepEqual(compare(without, other), ["ours", false, ["root"]]);
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
