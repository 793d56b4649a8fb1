/** Tests which requests a handler accepts, by their times. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AcceptedRequests } from "../../packages/countersign/dist/keys/accepted-requests.js";

const MAX_AGE = 5 * 60_000;

test("a request is accepted once, and while it is new", () => {
  const accepted = new AcceptedRequests();
  const cases = [
    ["a", 0, 0, "accepted"],
    ["a", 0, 1, "repeated"],
    ["b", 0, 1, "accepted"],
    ["a", 0, MAX_AGE, "repeated"],
    ["old", 0, MAX_AGE, "accepted"],
    ["older", -1, MAX_AGE, "outdated"],
    ["ahead", 2 * MAX_AGE, MAX_AGE, "accepted"],
    ["more ahead", 2 * MAX_AGE + 1, MAX_AGE, "outdated"],
    ["a", 0, MAX_AGE + 1, "outdated"],
    ["ahead", 2 * MAX_AGE, 3 * MAX_AGE, "repeated"],
    ["ahead", 2 * MAX_AGE, 3 * MAX_AGE + 1, "outdated"],
    ["no time", Number.NaN, 0, "outdated"],
  ] as const;
  for (const [text, time, now, expected] of cases) {
    assert.equal(accepted.accept(text, time, now), expected, `${text} at ${now}`);
  }
});

test("a request that was refused afterwards may be repeated", () => {
  const accepted = new AcceptedRequests();
  assert.equal(accepted.accept("a", 0, 0), "accepted");
  accepted.forget("a");
  assert.equal(accepted.accept("a", 0, 0), "accepted");
  assert.equal(accepted.accept("a", 0, 0), "repeated");
});

test("at most 65,536 requests are remembered, until they are too old", () => {
  const accepted = new AcceptedRequests();
  for (let nth = 0; nth < 1 << 16; nth++) {
    assert.equal(accepted.accept(`${nth}`, 0, 0), "accepted");
  }
  assert.equal(accepted.accept("another", 0, 0), "full");
  assert.equal(accepted.accept("0", 0, 0), "repeated");
  assert.equal(accepted.accept("another", MAX_AGE, MAX_AGE + 1), "accepted");
});
