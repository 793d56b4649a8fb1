import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signer } from "countersign/verify";
import { parseErasures } from "../../console/erasures.ts";
import { rhythms } from "../../console/rhythm.ts";

const signer = (vkey: string, first: string, last: string, links: number): Signer => ({
  vkey,
  trust: "trust_file",
  chains: 1,
  links,
  first: `2026-11-20T${first}:00.000Z`,
  last: `2026-11-20T${last}:00.000Z`,
});

test("rhythms: silence depends on the emitter's rhythm, which needs enough entries", () => {
  const now = Date.parse("2026-11-20T12:00:00.000Z");
  const signers = [
    signer("busy", "10:00", "11:58", 119),
    signer("silent", "09:00", "10:00", 61),
    signer("slow", "00:00", "10:00", 6),
    signer("once", "01:00", "01:00", 2),
  ];
  const found = rhythms({ signers }, now);
  assert.deepEqual(
    found.map(({ vkey, usual, isSilent }) => [vkey, usual, isSilent]),
    [
      ["silent", 60, true],
      ["busy", 60, false],
      ["slow", 7200, false],
      ["once", undefined, false],
    ],
  );
});

test("parseErasures: skips invalid erasures", () => {
  const text = JSON.stringify({
    erasures: [
      { record: 7, state: "done", at: "2026-11-20T06:00:00.000Z", events: 3 },
      { record: "8" },
      null,
    ],
  });
  assert.deepEqual(
    parseErasures(text.replace(",null", "")).map(({ record, state, events }) => [record, state, events]),
    [[7, "done", 3]],
  );
  assert.deepEqual(parseErasures("{}"), []);
});
