/** What is known of who signed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { doubtsOf, standings } from "../../dist/index/standing.js";
import type { Report } from "../../src/report.ts";

const report = (findings: { code: string; chain: string }[], total = findings.length) =>
  ({ findings, finding_counts: { "key.suspect": total } }) as unknown as Report;

test("nothing is trusted before there is a report", () => {
  assert.equal(standings(undefined)({ chain: "a", authorised: true }), "unsettled");
});

test("a chain that turned out to be suspect is, whatever was known before", () => {
  const standing = standings(doubtsOf(report([{ code: "key.suspect", chain: "a" }])));
  assert.equal(standing({ chain: "a", authorised: true }), "suspect");
  assert.equal(standing({ chain: "b", authorised: true }), "trusted");
  assert.equal(standing({ chain: "b", authorised: false }), "unconfirmed");
});

test("where not all suspect chains are listed, none is above suspicion", () => {
  const standing = standings(doubtsOf(report([{ code: "key.suspect", chain: "a" }], 101)));
  assert.equal(standing({ chain: "b", authorised: true }), "suspect");
});
