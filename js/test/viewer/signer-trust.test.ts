/** Signer trust of events. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { TrustBasis } from "../../packages/countersign/dist/codes.js";
import { signerTrusts } from "../../packages/ui/dist/index/signer-trust.js";

test("signer trusts: nothing is trusted without a report", () => {
  assert.equal(signerTrusts(undefined)({ chain: "a", vkey: "k", authorized: true }), "unsettled");
});

test("signer trusts: agree with the core", () => {
  const table = readFileSync(new URL("../../../tests/signer-trusts.txt", import.meta.url), "utf8");
  const rows = table.trimEnd().split("\n").slice(1);
  assert.equal(rows.length, 20);
  for (const row of rows) {
    const [trust, doubt, authorized, expected] = row.split(" ");
    const signers = trust === "-" ? [] : [{ vkey: "k", trust: trust as TrustBasis }];
    for (const doubts of doubt === "-" ? [[], ["b"]] : ["all" as const, ["b", "a"]]) {
      const signerTrust = signerTrusts({ signers, doubts });
      assert.equal(signerTrust({ chain: "a", vkey: "k", authorized: authorized === "authorized" }), expected, row);
    }
  }
});

test("signer trusts: the authorized chains of another trust file replace what events state", () => {
  const signers = [{ vkey: "k", trust: "trust_file" as const }];
  for (const authorized of [true, false]) {
    const trusts = signerTrusts({ signers, doubts: [], authorized: ["a", "c"] });
    assert.equal(trusts({ chain: "a", vkey: "k", authorized }), "trusted");
    assert.equal(trusts({ chain: "b", vkey: "k", authorized }), "untrusted");
  }
});
