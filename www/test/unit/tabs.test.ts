import assert from "node:assert/strict";
import { test } from "node:test";
import { tabOf, withTab } from "../../src/tabs.ts";

test("tabs: are in the address beside its other content", () => {
  assert.equal(tabOf("#tab=events&q=actor%3Aada"), "events");
  assert.equal(tabOf("#tab=nothing"), "summary");
  assert.equal(tabOf(""), "summary");
  assert.equal(withTab("", "problems"), "#tab=problems");
  assert.equal(withTab("#q=actor%3Aada&tab=events", "signers"), "#q=actor%3Aada&tab=signers");
  assert.equal(withTab("#a-place", "signers"), "#a-place");
});
