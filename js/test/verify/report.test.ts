import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cases } from "./cases.ts";

test("the types know every verdict", () => {
  const types = readFileSync(new URL("../../src/report.ts", import.meta.url), "utf8");
  const [, body = ""] = /type Verdict =([^;]*);/.exec(types) ?? [];
  const known = [...body.matchAll(/"([^"]+)"/g)].map(([, word]) => word);
  const verdicts = cases.map(({ report }) => (report as { verdict: string }).verdict);
  assert.deepEqual([...new Set(verdicts)].sort(), known.sort());
});
