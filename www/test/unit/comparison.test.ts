import assert from "node:assert/strict";
import { test } from "node:test";
import type { Judged, Report } from "countersign/verify";
import type { Agreement } from "../../src/state/agreement.ts";
import type { Part } from "../../src/state/case.ts";
import { comparison } from "../../src/state/comparison.ts";
import { vector } from "../page/vectors.ts";

/** A part with the report of a vector. */
function part(name: string): Part {
  const report = vector(name).report as unknown as Report;
  const verification = { report, doubts: [], phrases: {}, why: null } as unknown as Judged;
  return { session: { report, verification } } as unknown as Part;
}

const GROWN: Agreement = { is: "grown" };
const CONTRADICTS: Agreement = { is: "contradicts", finding: undefined, phrases: {} };
const is = (one: string, other: string, agreement: Agreement) =>
  comparison(part(one), part(other), agreement).is;

test("comparison: an altered or broken file agrees with nothing", () => {
  for (const bad of ["flip-event", "fork", "truncated-mid-line", "log-range-beyond"]) {
    for (const agreement of [GROWN, { is: "identical" }, { is: "unknown", why: "no-pin" }] as const) {
      const found = comparison(part(bad), part("log-two-chains"), agreement);
      assert.deepEqual([found.is, "faulty" in found && found.faulty.length], ["faulty", 1], bad);
    }
  }
  assert.equal(is("log-older-view", "log-two-chains", GROWN), "grown");
  assert.equal(is("log-two-chains", "log-two-chains", GROWN), "same-state");
});

test("comparison: a contradiction is evidence unless the file doesn't match its own checkpoint", () => {
  // It only contradicts a pin, or only lacks witnesses: the log signed what it shows.
  for (const name of ["pin-split-view", "quorum-missed"])
    assert.equal(is(name, "log-two-chains", CONTRADICTS), "contradicts", name);
  for (const name of ["log-root-flip", "log-drop-event", "log-swap-chains", "fork"])
    assert.equal(is(name, "log-two-chains", CONTRADICTS), "faulty", name);
});
