/** Signer trust of events. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { SignerTrust } from "../../packages/countersign/dist/codes.js";
import { standings } from "../../packages/ui/dist/index/standing.js";

test("standings: nothing is trusted without a report", () => {
  assert.equal(standings(undefined)({ chain: "a", vkey: "k", authorised: true }), "unsettled");
});

test("standings: agree with the core", () => {
  const table = readFileSync(new URL("../../../tests/standings.txt", import.meta.url), "utf8");
  const rows = table.trimEnd().split("\n").slice(1);
  assert.equal(rows.length, 20);
  for (const row of rows) {
    const [trust, doubt, authorised, expected] = row.split(" ");
    const signers = trust === "-" ? [] : [{ vkey: "k", trust: trust as SignerTrust }];
    for (const doubts of doubt === "-" ? [[], ["b"]] : ["all" as const, ["b", "a"]]) {
      const standing = standings({ signers, doubts });
      assert.equal(standing({ chain: "a", vkey: "k", authorised: authorised === "authorised" }), expected, row);
    }
  }
});
