import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDay } from "../../packages/ui/dist/viewer/parts/day.js";

test("day: is accepted as it is written, if it has one meaning", () => {
  for (const [typed, day] of [
    ["2026-10-01", "2026-10-01"],
    [" 1 October 2026 ", "2026-10-01"],
    ["1st Oct 2026", "2026-10-01"],
    ["October 1, 2026", "2026-10-01"],
    ["1. Oktober 2026", "2026-10-01"],
    ["3. März 2026", "2026-03-03"],
    ["9 sept. 2026", "2026-09-09"],
    ["31/10/2026", "2026-10-31"],
    ["10/31/2026", "2026-10-31"],
    ["4/4/2026", "2026-04-04"],
    ["03.04.2026", "2026-04-03"],
  ] as const)
    assert.deepEqual(parseDay(typed), { day }, typed);
});

test("day: is refused if it has two meanings, or none", () => {
  assert.deepEqual(parseDay("03/04/2026"), { is: "ambiguous" });
  for (const typed of [
    "",
    "2026-02-30",
    "2026-1-1",
    "31 February 2026",
    "1 Ju 2026",
    "1 Jux 2026",
    "13/13/2026",
    "1/10/26",
    "31.4.2026",
    "1/10.2026",
    "yesterday",
  ])
    assert.deepEqual(parseDay(typed), { is: "invalid" }, typed);
});
