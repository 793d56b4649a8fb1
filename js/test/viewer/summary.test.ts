/** What a row says of an event. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reading } from "../../packages/ui/dist/index/types.js";
import { cellsOf } from "../../packages/ui/dist/viewer/list/rows-cells.js";
import { summaryOf } from "../../packages/ui/dist/viewer/parts/summary.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { textOf } from "./drawn.ts";
import { listed, usual } from "./page/made.ts";

const read: Reading = {
  as: "CloudTrail",
  action: "DeleteUser",
  actor: { id: "arn:aws:iam::1:user/ada", name: "ada", type: "user" },
  target: { type: "AWS::IAM::User" },
  address: "192.0.2.7",
  outcome: "denied",
  reason: "AccessDenied",
};

test("what a parser made of an event is what a row says", () => {
  assert.deepEqual(summaryOf({ read, own: undefined }), {
    as: "CloudTrail",
    action: "DeleteUser",
    actor: { id: "arn:aws:iam::1:user/ada", name: "ada", type: "user" },
    target: { id: "AWS::IAM::User", name: undefined, type: "AWS::IAM::User" },
    address: "192.0.2.7",
    outcome: "denied",
    reason: "AccessDenied",
  });
});

test("of an event of no known shape its own members count", () => {
  const { as, action, actor, outcome } = summaryOf({ read: undefined, own: { action: "a", actor: { id: "u" } } });
  assert.deepEqual([as, action, actor?.id, outcome], [undefined, "a", "u", undefined]);
});

test("an outcome that is not stated is none, and another is what it is", () => {
  const cell = (outcome: string) =>
    textOf(cellsOf(listed({ ...usual(1), read: { ...read, outcome } }), [{ id: "outcome" }], "utc", en).cells[0]);
  assert.equal(cell("not-stated"), en.rows.list.notStated);
  assert.equal(cell("denied"), "denied");
  assert.equal(cell("success"), "success");
});
