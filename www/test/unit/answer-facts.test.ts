import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventRow } from "@countersign/ui/index/types.js";
import { MAX_READ_EVENTS, outcomesOf, readFacts } from "../../src/evidence/answer-facts.ts";
import { outcomeWords } from "../../src/evidence/answer-sentence.ts";
import { statedWords } from "../../src/evidence/stated-days.ts";
import { LANGUAGES } from "../../src/texts/index.ts";

const RECORDED = "2026-11-20T06:00:00.000Z";

/** Returns an index with events that happened at these times. */
function index(times: readonly (string | undefined)[]) {
  const all = times.map((happened, nth) => ({
    kind: "event",
    line: nth + 2,
    index: nth,
    time: RECORDED,
    happened,
    parsed: {
      as: "countersign",
      actor: { id: `u_${nth % 3}`, name: "Ada" },
      action: "login",
      outcome: "success",
    },
    own: undefined,
  })) as unknown as readonly EventRow[];
  return { rows: async (from: number, to: number) => all.slice(from, to) };
}

test("facts: an event is late if it was recorded more than a day after the time it states", async () => {
  const found = await readFacts(
    index([
      undefined,
      RECORDED,
      "2026-11-19T06:00:00.000Z",
      "2026-11-19T05:59:59.999Z",
      "2026-10-20T06:00:00.000Z",
      "2026-11-20T06:05:00.000Z",
      "2026-11-20T06:05:00.001Z",
    ]),
    { listed: 2 },
  );
  assert.deepEqual([found?.read, found?.isAll, found?.late, found?.future], [7, true, 2, 1]);
  assert.equal(found?.longest, 31 * 86_400_000);
  assert.equal(found?.first.length, 2);
  const days = { from: "2026-11-20", until: "2026-11-20" };
  const stated = (asked: Parameters<typeof statedWords>[1]) =>
    statedWords(found?.days ?? new Map(), asked, LANGUAGES.en);
  assert.equal(stated({ ...days, basis: "recorded" }), "4 of them state a time in these days");
  assert.equal(
    stated({ ...days, until: "2026-11-30", from: "2026-11-21", basis: "recorded" }),
    "none of them states a time in these days",
  );
  assert.equal(stated({ from: "2026-10-01", until: "", basis: "recorded" }), "");
  assert.equal(stated({ ...days, basis: "happened" }), "");
  assert.deepEqual(found?.who[0], { id: "u_0", label: "Ada (u_0)" });
  assert.deepEqual(
    [found?.who.length, found?.actions, found?.target],
    [3, [{ id: "login", label: "login" }], []],
  );
});

test("facts: says if there are more events than were read, and stops if it isn't wanted", async () => {
  const many = index(Array.from({ length: MAX_READ_EVENTS + 1 }, () => undefined));
  const found = await readFacts(many, { listed: 0 });
  assert.deepEqual([found?.read, found?.isAll], [MAX_READ_EVENTS, false]);
  assert.equal(await readFacts(many, { listed: 0, isCurrent: () => false }), undefined);
});

test("facts: counts outcomes by action, those that didn't succeed first, within a range of entries", async () => {
  const said = [
    ["view", "success"],
    ["view", "success"],
    ["share", "success"],
    ["login", "failure"],
    ["share", "denied"],
    ["login", "denied"],
    [undefined, "unknown"],
    ["view", undefined],
    ["view", "success"],
  ];
  const rows = said.map(([action, outcome], nth) => ({
    kind: "event",
    index: nth,
    time: RECORDED,
    own: { action, outcome },
  })) as unknown as readonly EventRow[];
  const found = await readFacts(
    { rows: async (from, to) => rows.slice(from, to) },
    { listed: 0, range: [0, 8] },
  );
  assert.deepEqual(found?.outcomes, { success: 3, failure: 1, denied: 2, unknown: 1, "not-stated": 1 });
  assert.deepEqual(found?.byAction, [
    { action: "login", events: 2, failed: 1, denied: 1 },
    { action: "share", events: 2, failed: 0, denied: 1 },
    { action: "view", events: 3, failed: 0, denied: 0 },
  ]);
});

test("outcomes: what isn't known isn't a success", async () => {
  const { ask } = LANGUAGES.en.evidence;
  const counts = { failure: 5, success: 140, denied: 1, unknown: 2 };
  const count = async (query: string) => counts[query.split("outcome:")[1] as keyof typeof counts];
  const found = await outcomesOf({ count }, 'actor:"u"', 154);
  assert.ok(found);
  assert.equal(
    outcomeWords(found, 154, ask, String),
    "140 succeeded, 5 failed, 1 was denied, 2 have unknown outcomes, 6 state no outcome",
  );
  const none = { success: 0, failure: 0, denied: 0, unknown: 0, "not-stated": 3 };
  assert.equal(outcomeWords(none, 3, ask, String), "none states an outcome");
  assert.equal(await outcomesOf({ count: async () => undefined }, "x", 3), undefined);
});
