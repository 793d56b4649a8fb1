import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { caseNamed, cases } from "./cases.ts";

const types = readFileSync(new URL("../../packages/countersign/dist/codes.d.ts", import.meta.url), "utf8");

function words(type: string): string[] {
  const [, body = ""] = new RegExp(`type ${type} =([^;]*);`).exec(types) ?? [];
  return [...body.matchAll(/"([^"]+)"/g)].map(([, word = ""]) => word).sort();
}

test("types: include every verdict", () => {
  const verdicts = cases.map(({ report }) => (report as { verdict: string }).verdict);
  assert.deepEqual([...new Set(verdicts)].sort(), words("Verdict"));
});

test("types: include every reason for a verdict", async () => {
  const found = new Set<string>();
  for (const { bytes, options } of cases) {
    const { why } = await verify(bytes, { ...options, threads: 0 });
    if (why !== null) {
      found.add(why);
    }
  }
  assert.deepEqual([...found].sort(), words("Why"));
});

test("verify: returns the interpretation of the report with any number of threads", async () => {
  for (const threads of [0, 1, 2]) {
    const meaningOf = async (name: string) => {
      const { bytes, options } = caseNamed(name);
      const { why, notNeeded, doubts } = await verify(bytes, { ...options, threads });
      return { why, notNeeded, doubts };
    };
    assert.deepEqual(await meaningOf("void-stolen-issuer"), {
      why: null,
      notNeeded: ["range", "append_only"],
      doubts: ["f6dc21c8b90e61cdc8b57d6fb1cf3dd4"],
    });
    assert.deepEqual(await meaningOf("quorum-missed"), {
      why: "witness.quorum",
      notNeeded: ["range", "append_only", "expected"],
      doubts: ["dbfd62576c9c2db930688a2dea5009b1", "17cd5db34edf15fa7e5f78852a0c4ec2"],
    });
  }
});
