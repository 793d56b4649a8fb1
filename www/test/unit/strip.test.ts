import assert from "node:assert/strict";
import { test } from "node:test";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import { strip } from "../../src/state/strip.ts";

const NO_MARKS: Marks = { checkpoints: [], notes: [], chains: [], skips: [], withheld: 0, dropped: 0 };
const NONE = new Float64Array();

test("strip: shows a single omitted entry among a million", () => {
  const entries = 1_000_000;
  const coverage = {
    shown: Float64Array.of(0, 500_000, 500_001, entries),
    withheld: NONE,
    skipped: Float64Array.of(500_000, 500_001),
  };
  const { skipped } = strip(coverage, NO_MARKS, [], entries);
  assert.equal(skipped.length, 1);
  const [{ from, to } = { from: 0, to: 0 }] = skipped;
  assert.ok(to - from >= 0.2, `${to - from}`);
  assert.ok(from >= 49.9 && to <= 50.5);
});

test("strip: contains the last entry", () => {
  const coverage = { shown: NONE, withheld: Float64Array.of(999_999, 1_000_000), skipped: NONE };
  const [last] = strip(coverage, NO_MARKS, [], 1_000_000).withheld;
  assert.ok(last && last.to <= 100 && last.from < last.to);
});

test("strip: limits the number of shapes", () => {
  const many = Float64Array.from({ length: 100_000 }, (_, bound) => bound * 2);
  const checkpoints = Array.from({ length: 20_000 }, (_, at) => ({
    kind: "checkpoint" as const,
    line: at,
    origin: "o",
    size: at * 10,
    root: "",
    matches: at !== 77,
    signatures: [],
    existed: null,
    seen: null,
  }));
  const drawn = strip(
    { shown: many, withheld: NONE, skipped: many },
    { ...NO_MARKS, checkpoints },
    [],
    200_000,
  );
  assert.ok(drawn.skipped.length <= 400 && drawn.shown.length <= 400);
  assert.ok(drawn.checkpoints.length <= 201);
  assert.equal(
    drawn.checkpoints.reduce((sum, { count }) => sum + count, 0),
    20_000,
  );
  // A checkpoint that doesn't match isn't hidden by its neighbors.
  assert.equal(drawn.checkpoints.filter(({ matches }) => !matches).length, 1);
});

test("cosignatures: counts only valid ones of witnesses", () => {
  const by = (name: string, who: "witness" | "log" | "unknown", valid: boolean | null) => ({
    name,
    id: "00000000",
    by: who,
    valid,
    time: null,
  });
  const checkpoint = {
    kind: "checkpoint" as const,
    line: 9,
    origin: "o",
    size: 8,
    root: "",
    matches: true,
    signatures: [
      by("o", "log", true),
      by("a", "witness", true),
      by("b", "witness", false),
      by("c", "unknown", null),
    ],
    existed: null,
    seen: null,
  };
  const coverage = { shown: Float64Array.of(0, 8), withheld: NONE, skipped: NONE };
  const [spot] = strip(coverage, { ...NO_MARKS, checkpoints: [checkpoint] }, [], 8).checkpoints;
  assert.deepEqual(spot, { at: 100, count: 1, matches: true, cosigned: 1 });
});
