import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "countersign/verify";
import { answerBasis, type Doubt, isBounded } from "../../src/evidence/answer.ts";
import { vector } from "../page/vectors.ts";

/** Returns the report of a vector. */
function reportOf(name: string): Report {
  return vector(name).report as unknown as Report;
}

/** Returns the doubts about an answer on a vector to a query that asks until the end of this day. */
function doubts(
  name: string,
  unrecognized = 0,
  query = "",
  { range = null, day }: { range?: [number, number] | null; day?: string | undefined } = {},
) {
  const report = reportOf(name);
  const until = day === undefined ? undefined : Date.parse(`${day}T23:59:59.999Z`);
  return answerBasis(report, { events: report.counts.events, unrecognized }, { query, until }, range);
}

/** A query without conditions. */
const EVERYTHING = { query: "", until: undefined };

const kinds = (found: readonly Doubt[]) => found.map(({ is }) => is);

test("answer: is all only if every entry of the log is here and was searched", () => {
  const whole = doubts("log-two-chains");
  assert.deepEqual([whole.entries, whole.doubts], [15, []]);
  assert.deepEqual(kinds(doubts("log-two-chains", 2).doubts), ["unrecognized"]);
  assert.deepEqual(kinds(doubts("log-two-chains", 0, "", { range: [2, 6] }).doubts), ["range"]);
});

test("answer: is in doubt if the query asks about a time after the last one known", () => {
  const { seen } = doubts("log-two-chains");
  assert.ok(seen?.startsWith("2026-11-20T"));
  for (const [day, found] of [
    [undefined, []],
    ["2026-11-19", []],
    ["2026-11-20", ["later"]],
  ] as const)
    assert.deepEqual(kinds(doubts("log-two-chains", 0, "actor:x", { day }).doubts), found, String(day));
});

test("answer: events without an actor don't matter to days of recording", () => {
  const unread = (query: string) => kinds(doubts("log-two-chains", 2, query).doubts);
  assert.deepEqual(unread("recorded:*..2026-11-19"), []);
  assert.deepEqual(unread("time:*..2026-11-19"), ["unrecognized"]);
  assert.deepEqual(unread("time:*..2026-11-19 actor:u-2"), ["unrecognized"]);
});

test("answer: is everything within bounds that the file proves, unless something there is in doubt", () => {
  for (const name of ["range-complete", "plain-closed"]) {
    const found = doubts(name);
    assert.equal(isBounded(found), true, `${name}: ${kinds(found.doubts)}`);
    assert.equal(isBounded(doubts(name, 1)), false, name);
  }
  assert.equal(isBounded(doubts("log-two-chains", 0, "", { range: [2, 6] })), true);
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
      EVERYTHING,
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
    const basis = answerBasis(changed, { events: 9, unrecognized: 0 }, EVERYTHING);
    assert.equal(basis.entries, undefined, JSON.stringify(other).slice(0, 80));
    assert.ok(basis.doubts.length > 0, JSON.stringify(other).slice(0, 80));
  }
  assert.equal(verdict, "verified");
});
