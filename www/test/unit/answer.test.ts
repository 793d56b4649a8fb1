import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "countersign/verify";
import { answerBasis, type Doubt, isBounded } from "../../src/evidence/answer.ts";
import { vector } from "../page/vectors.ts";

/** Returns the report of a vector. */
function reportOf(name: string): Report {
  return vector(name).report as unknown as Report;
}

/** Returns the doubts about an answer on a vector. */
function doubts(name: string, unrecognized = 0, query = "", range: [number, number] | null = null) {
  const report = reportOf(name);
  return answerBasis(report, { events: report.counts.events, unrecognized }, query, range);
}

const kinds = (found: readonly Doubt[]) => found.map(({ is }) => is);

test("answer: is all only if every entry of the log is here and was searched", () => {
  const whole = doubts("log-two-chains");
  assert.deepEqual([whole.entries, whole.doubts], [15, []]);
  assert.deepEqual(kinds(doubts("log-two-chains", 2).doubts), ["unrecognized"]);
  assert.deepEqual(kinds(doubts("log-two-chains", 0, "actor:*ada* time:*..2026-11-19").doubts), []);
  for (const query of [
    "time:*..2026-11-20",
    "since:2026-11-20",
    "recorded:2026-11",
    "-time:2025..2026 actor:ada",
  ])
    assert.deepEqual(kinds(doubts("log-two-chains", 0, query).doubts), ["later"], query);
  assert.deepEqual(kinds(doubts("log-two-chains", 0, "", [2, 6]).doubts), ["range"]);
});

test("answer: a number in a name is no year, and events without an actor don't matter to days of recording", () => {
  for (const query of [
    'target:"invoice-9999"',
    "actor:*u-9999*",
    'actor:"x time:2099" action:2099',
    "actor.since:2099",
  ])
    assert.deepEqual(kinds(doubts("log-two-chains", 0, query).doubts), [], query);
  for (const query of [
    'time:"2026-11-20"',
    "recorded-until:2026-11-21",
    "time>2026-11-20",
    "(since:2026-12)",
  ])
    assert.deepEqual(kinds(doubts("log-two-chains", 0, query).doubts), ["later"], query);
  assert.deepEqual(kinds(doubts("log-two-chains", 2, "recorded:*..2026-11-19").doubts), []);
  assert.deepEqual(kinds(doubts("log-two-chains", 2, "time:*..2026-11-19").doubts), ["unrecognized"]);
  assert.deepEqual(kinds(doubts("log-two-chains", 2, "time:*..2026-11-19 actor:u-2").doubts), [
    "unrecognized",
  ]);
});

test("answer: is everything within bounds that the file proves, unless something there is in doubt", () => {
  for (const name of ["range-complete", "plain-closed"]) {
    const found = doubts(name);
    assert.equal(isBounded(found), true, `${name}: ${kinds(found.doubts)}`);
    assert.equal(isBounded(doubts(name, 1)), false, name);
  }
  assert.equal(isBounded(doubts("log-two-chains", 0, "", [2, 6])), true);
  for (const name of ["log-two-chains", "withheld", "flip-event", "range-partial"])
    assert.equal(isBounded(doubts(name)), false, name);
});

test("answer: any doubt about the file is a doubt about the answer", () => {
  for (const [name, is] of [
    ["plain-closed", "chains"],
    ["withheld", "withheld"],
    ["drop-event", "verdict"],
    ["flip-event", "verdict"],
    ["empty-file", "verdict"],
  ] as const) {
    const { doubts: found, entries } = doubts(name);
    assert.ok(kinds(found).includes(is), `${name}: ${kinds(found)}`);
    assert.equal(entries, undefined, name);
  }
});

test("answer: keys that aren't trusted are a doubt of their own", () => {
  const report = reportOf("log-two-chains");
  const signed = (...trust: readonly string[]) => {
    const signers = trust.map((is) => ({ ...report.signers[0], trust: is }));
    const basis = answerBasis(
      { ...report, verdict: "untrusted", signers } as Report,
      { events: 9, unrecognized: 0 },
      "",
    );
    return basis.doubts.find(({ is }) => is === "untrusted");
  };
  assert.deepEqual(signed("untrusted", "untrusted"), { is: "untrusted", isAll: true });
  assert.deepEqual(signed("untrusted", "granted"), { is: "untrusted", isAll: false });
  assert.ok(!kinds(doubts("flip-event").doubts).includes("untrusted"));
});

test("answer: no vector that isn't verified as a whole log gives an answer without doubts", () => {
  const report = reportOf("log-two-chains");
  const { verdict, counts, log, checks } = report;
  for (const other of [
    { verdict: "partial", complete: null },
    { counts: { ...counts, skipped: 1 } },
    { counts: { ...counts, withheld: 1 } },
    { log: log && { ...log, size: 16 } },
    { checks: { ...checks, tree: { ...checks.tree, state: "not_checked" } } },
    { checks: { ...checks, log: { ...checks.log, state: "fail" } } },
  ]) {
    const changed = { ...report, ...other } as Report;
    const basis = answerBasis(changed, { events: 9, unrecognized: 0 }, "");
    assert.equal(basis.entries, undefined, JSON.stringify(other).slice(0, 80));
    assert.ok(basis.doubts.length > 0, JSON.stringify(other).slice(0, 80));
  }
  assert.equal(verdict, "verified");
});
