/** Warnings about pins of another log, which aren't compared. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "../../packages/countersign/dist/report.js";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { otherOrigins, otherPinsView } from "../../packages/ui/dist/viewer/verdict/other-pins.js";
import { textOf } from "./drawn.ts";

const pin = (origin: string) => `${origin}\n9\nAAAA\n\n— ${origin} AAAA\n`;
const report = { origin: "log.example/audit" } as Report;

test("otherOrigins: ignores pins of the log itself and a file without an origin", () => {
  assert.deepEqual(otherOrigins([pin("log.example/audit")], "log.example/audit"), []);
  assert.deepEqual(otherOrigins([`countersign/v1 head\n${pin("log.example/audit")}`], "log.example/audit"), []);
  assert.deepEqual(otherOrigins([pin("log.example/other")], null), []);
  assert.deepEqual(otherPinsView({ pins: [pin("log.example/audit")], report }, en), []);
});

test("otherPinsView: names each other log once, with the one shown", () => {
  const pins = ["log.example/other", "log.example/audit", "log.example/other", "x"].map(pin);
  assert.deepEqual(otherOrigins(pins, "log.example/audit"), ["log.example/other", "x"]);
  const [first, second, ...rest] = otherPinsView({ pins, report }, en).map(textOf);
  assert.equal(
    first,
    "The pin is of the log log.example/other, and this is the log log.example/audit: nothing was compared with it.",
  );
  assert.match(second ?? "", /^The pin is of the log x,/);
  assert.deepEqual(rest, []);
  const [german] = otherPinsView({ pins, report }, de).map(textOf);
  assert.match(german ?? "", /Damit wurde nichts verglichen\.$/);
});
