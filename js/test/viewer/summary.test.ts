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
    for: undefined,
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
  assert.equal(cell("denied"), "Denied");
  assert.equal(cell("success"), "Success");
});

test("cellsOf: the actor's cell says for whom it acted, unless a column does", () => {
  const person = { id: "u_1", name: "Grace Hopper", type: "user" };
  const row = listed({ ...usual(1), parsed: { ...parsed, actor: { id: "support-bot" }, on_behalf_of: person } });
  const texts = (...ids: ("actor" | "for")[]) =>
    cellsOf(
      row,
      ids.map((id) => ({ id })),
      { zone: "utc", marksRecorded: false },
      en,
    ).cells.map(textOf);
  assert.deepEqual(texts("actor"), ["support-bot for Grace Hopper"]);
  assert.deepEqual(texts("actor", "for"), ["support-bot", "Grace Hopper u_1"]);
  const alone = listed({ ...usual(1), parsed: { ...parsed, actor: { id: "support-bot" } } });
  const [actor, behalf] = cellsOf(
    alone,
    [{ id: "actor" }, { id: "for" }],
    { zone: "utc", marksRecorded: false },
    en,
  ).cells;
  assert.equal(textOf(actor), "support-bot");
  assert.equal(behalf, undefined);
});
