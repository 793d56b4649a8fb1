import assert from "node:assert/strict";
import { test } from "node:test";
import type { Parsed } from "../../packages/ui/dist/index/types.js";
import { cellsOf } from "../../packages/ui/dist/viewer/list/rows-cells.js";
import { summaryOf } from "../../packages/ui/dist/viewer/parts/summary.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { textOf } from "./drawn.ts";
import { listed, usual } from "./page/made.ts";

const parsed: Parsed = {
  as: "CloudTrail",
  action: "DeleteUser",
  actor: { id: "arn:aws:iam::1:user/ada", name: "ada", type: "user" },
  target: { type: "AWS::IAM::User" },
  address: "192.0.2.7",
  outcome: "denied",
  reason: "AccessDenied",
};

test("summaryOf: returns the parser's facts", () => {
  assert.deepEqual(summaryOf({ parsed, own: undefined }), {
    as: "CloudTrail",
    action: "DeleteUser",
    actor: { id: "arn:aws:iam::1:user/ada", name: "ada", type: "user" },
    target: { id: "AWS::IAM::User", name: undefined, type: "AWS::IAM::User" },
    address: "192.0.2.7",
    outcome: "denied",
    reason: "AccessDenied",
  });
});

test("summaryOf: falls back to the event's own fields", () => {
  const { as, action, actor, outcome } = summaryOf({ parsed: undefined, own: { action: "a", actor: { id: "u" } } });
  assert.deepEqual([as, action, actor?.id, outcome], [undefined, "a", "u", undefined]);
});

test("summaryOf: omits an unstated outcome and keeps any other", () => {
  const cell = (outcome: string) =>
    textOf(
      cellsOf(
        listed({ ...usual(1), parsed: { ...parsed, outcome } }),
        [{ id: "outcome" }],
        { zone: "utc", marksRecorded: false },
        en,
      ).cells[0],
    );
  assert.equal(cell("not-stated"), en.rows.list.notStated);
  assert.equal(cell("denied"), "denied");
  assert.equal(cell("success"), "success");
});
