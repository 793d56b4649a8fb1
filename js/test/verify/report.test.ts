import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cases } from "./cases.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

/** The words of a closed type. */
function words(type: string): string[] {
  const [, body] = new RegExp(`type ${type} =([^;]*);`).exec(read("js/src/report.ts")) ?? assert.fail(type);
  return [...(body ?? "").matchAll(/"([^"]+)"/g)].map(([, word]) => word ?? "");
}

test("the types know every check and verdict", () => {
  const reports = cases.map(({ report }) => report as { verdict: string; checks: object });
  for (const { checks } of reports) {
    assert.deepEqual(Object.keys(checks).sort(), words("CheckName").sort());
  }
  assert.deepEqual([...new Set(reports.map(({ verdict }) => verdict))].sort(), words("Verdict").sort());
});
