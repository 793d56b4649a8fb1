import assert from "node:assert/strict";
import { test } from "node:test";
import { countOutsideDays, outsideQueries, readOutsideDays } from "../../src/evidence/outside-days.ts";

test("outside days: the other time is asked about with the same other conditions", () => {
  assert.deepEqual(outsideQueries('actor=="u-2" since:2026-11-01'), {
    basis: "happened",
    otherTime: 'actor=="u-2" recorded-since:2026-11-01 -since:2026-11-01',
    anyDay: 'actor=="u-2"',
  });
  assert.deepEqual(
    outsideQueries("actor:a,b recorded-since:2026-11-01 recorded:*..2026-11-20 action:*delete*"),
    {
      basis: "recorded",
      otherTime:
        "actor:a,b since:2026-11-01 time:*..2026-11-20 action:*delete* -(recorded-since:2026-11-01 recorded:*..2026-11-20)",
      anyDay: "actor:a,b action:*delete*",
    },
  );
  assert.equal(outsideQueries("since:-7d until:-1d") !== "unclear", true);
  assert.deepEqual(outsideQueries("-time:unclear since:2026-11-01"), {
    basis: "happened",
    otherTime: "-time:unclear recorded-since:2026-11-01 -since:2026-11-01",
    anyDay: "-time:unclear",
  });
});

test("outside days: a field has no other time because objects have a member of its name", () => {
  assert.deepEqual(outsideQueries("constructor:x -constructor:y since:2026-11-01"), {
    basis: "happened",
    otherTime: "constructor:x -constructor:y recorded-since:2026-11-01 -since:2026-11-01",
    anyDay: "constructor:x -constructor:y",
  });
});

test("outside days: a query without times has none, and one that can't be taken apart is unclear", () => {
  for (const query of [
    "",
    "actor:lin",
    'actor:"since:2026"',
    "metadata.since:x",
    '"time:2026"',
    "-time:unclear x",
  ])
    assert.equal(outsideQueries(query), undefined, query);
  for (const query of [
    "actor:lin OR since:2026-11-01",
    "(since:2026-11-01 actor:lin)",
    "-since:2026-11-01",
    "since:2026-11-01 recorded:2026",
    "time>=2026-11-01",
    "lin -7d",
  ])
    assert.equal(outsideQueries(query), "unclear", query);
});

test("outside days: on any day is counted only if nothing was found, and beside other conditions", async () => {
  const count = async () => 5;
  const asked = (query: string, found: number) => countOutsideDays(query, found, { count });
  const counted = { is: "counted", basis: "happened", otherTime: 5 };
  assert.deepEqual(await asked("actor:lin since:2026-11-01", 0), { ...counted, anyDay: 5 });
  assert.deepEqual(await asked("actor:lin since:2026-11-01", 1), { ...counted, anyDay: 0 });
  assert.deepEqual(await asked("since:2026-11-01", 0), { ...counted, anyDay: 0 });
  assert.equal(await asked("actor:lin", 0), undefined);
});

test("outside days: of an evidence file, counts within its range, and not without the other events", async () => {
  const queries: unknown[] = [];
  const index = {
    ask: async (query: string, _order: unknown, _result: unknown, at: number) => {
      queries.push([query, at]);
      return { rows: 3 } as never;
    },
    indexes: async () => Float64Array.of(1, 4, 9),
  };
  const filed = { query: "actor:lin since:-7d", found: 0, isContained: true, at: 7, range: [2, 9] } as const;
  assert.deepEqual(await readOutsideDays(filed, index), {
    is: "counted",
    basis: "happened",
    otherTime: 1,
    anyDay: 1,
  });
  assert.deepEqual(queries, [
    ["actor:lin recorded-since:-7d -since:-7d", 7],
    ["actor:lin", 7],
  ]);
  assert.deepEqual(await readOutsideDays({ ...filed, isContained: false }, index), { is: "elsewhere" });
});
