/** What is known of who signed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { standings } from "../../dist/index/standing.js";

test("nothing is trusted before there is a report", () => {
  assert.equal(standings(undefined)({ chain: "a", authorised: true }), "unsettled");
});

test("a chain that turned out to be suspect is, whatever was known before", () => {
  const standing = standings(["a"]);
  assert.equal(standing({ chain: "a", authorised: true }), "suspect");
  assert.equal(standing({ chain: "b", authorised: true }), "trusted");
  assert.equal(standing({ chain: "b", authorised: false }), "unconfirmed");
});

test("where all are in doubt, none is above suspicion", () => {
  assert.equal(standings("all")({ chain: "b", authorised: true }), "suspect");
});
