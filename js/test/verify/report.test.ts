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

test("the types know every finding code of the core, and how severe it is", () => {
  const core = [...read("src/verify/finding.rs").matchAll(/^ +\w+ "(\w+\.\w+)" (Error|Warning|Info)$/gm)];
  const types = ["Error", "Warning", "Info"].flatMap((severity) =>
    words(`${severity}FindingCode`).map((code) => `${code} ${severity}`),
  );
  assert.ok(core.length > 40);
  assert.deepEqual(types.toSorted(), core.map(([, code, severity]) => `${code} ${severity}`).sort());
});

test("the types know every error code of the core", () => {
  const core = [...read("src/error.rs").matchAll(/^ +\w+ = "(\w+\.\w+)",$/gm)].map(([, code]) => code);
  const [, body] = /type CoreErrorCode =([^;]*);/.exec(read("js/src/error.ts")) ?? assert.fail();
  const types = [...(body ?? "").matchAll(/"([^"]+)"/g)].map(([, code]) => code);
  assert.deepEqual(types.sort(), core.sort());
});

test("the types know every check and verdict", () => {
  const reports = cases.map(({ report }) => report as { verdict: string; checks: object });
  for (const { checks } of reports) {
    assert.deepEqual(Object.keys(checks).sort(), words("CheckName").sort());
  }
  assert.deepEqual([...new Set(reports.map(({ verdict }) => verdict))].sort(), words("Verdict").sort());
});
