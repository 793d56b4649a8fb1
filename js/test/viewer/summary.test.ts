/** What an event says of itself, whatever stands in its members. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "../../dist/viewer/json-view.js";
import { cellsOf } from "../../dist/viewer/rows-cells.js";
import { summarise } from "../../dist/viewer/summary.js";

const of = (event: string) => summarise(parseJson(event));

test("the usual members are taken as they are meant", () => {
  const { action, actor, target, outcome } = of(
    '{"action":"job.delete","actor":{"id":"u_1","name":"Ada","type":"user"},"target":"j_1","outcome":"failure"}',
  );
  assert.deepEqual([action, outcome], ["job.delete", "failure"]);
  assert.deepEqual(actor, { id: "u_1", name: "Ada", type: "user" });
  assert.deepEqual(target, { id: "j_1", name: undefined, type: undefined });
});

test("a member of another kind is shown as it stands, and none is passed over", () => {
  const { action, actor, target, outcome } = of(
    '{"action":["x"],"actor":[{"id":"c"}],"target":{"name":"no id"},"outcome":["failure"]}',
  );
  assert.deepEqual([action, outcome], ['["x"]', '["failure"]']);
  assert.equal(actor?.id, '[{"id":"c"}]');
  assert.deepEqual(target, { id: '{"name":"no id"}', name: "no id", type: undefined });
});

test("an event without an outcome was a success, and one with another is not said to be", () => {
  const outcomeOf = (json: string) => {
    const row = {
      kind: "event",
      line: 2,
      index: 0,
      chain: "",
      seq: 1,
      time: "",
      authorised: true,
      vkey: "",
      json,
    } as const;
    return cellsOf(row, [{ id: "outcome" }, { id: "action" }], "utc");
  };
  const [implied] = outcomeOf('{"action":"a"}').cells;
  assert.deepEqual(implied, { kind: "outcome", text: "not stated", isImplied: true });
  const [odd] = outcomeOf('{"action":"a","outcome":["failure"]}').cells;
  assert.deepEqual(odd, { kind: "outcome", text: '["failure"]', isImplied: false });
  assert.equal(outcomeOf('{"nothing":"usual"}').untold, '{"nothing":"usual"}');
});
