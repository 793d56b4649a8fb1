import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { CheckName, Report } from "countersign/verify";
import { outcomeOf } from "../../dist/viewer/needed.js";

interface Case {
  readonly case: string;
  readonly verdict: Report["verdict"];
  readonly log: boolean;
  /** The checks that have no answer, and how many of their items have one. */
  readonly open: Readonly<Partial<Record<CheckName, number>>>;
  readonly found: readonly string[];
  readonly not_needed: readonly string[];
}

// src/verify/report.rs reads the same table.
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../../../tests/not-needed.json", import.meta.url), "utf8"),
);

const NAMES = [
  ...["format", "payloads", "chains", "signatures", "tree", "log", "range"],
  ...["append_only", "witnesses", "time", "closure", "expected"],
] as readonly CheckName[];

for (const { case: name, verdict, log, open, found, not_needed } of cases) {
  test(`what nothing asks for is not needed: ${name}`, () => {
    const check = (of: CheckName) => {
      const checked = open[of];
      return { state: checked === undefined ? "pass" : "not_checked", checked: checked ?? 1, failed: 0, reason: null };
    };
    const report = {
      verdict,
      checks: Object.fromEntries(NAMES.map((of) => [of, check(of)])),
      log: log ? { size: 1, root: "", time: null } : null,
      finding_counts: Object.fromEntries(found.map((code) => [code, 1])),
    } as unknown as Report;
    const idle = NAMES.filter((of) => outcomeOf(of, report) === "not_needed");
    assert.deepEqual(idle, not_needed);
  });
}
