import assert from "node:assert/strict";
import { test } from "node:test";
import { exactly } from "../../dist/shelf/pattern.js";
import { EVERYTHING, formatQuery, type ProblemCode, parseQuery } from "../../dist/shelf/query.js";
import type { Query } from "../../dist/shelf/types.js";
import { type Below, chance } from "../chaos/chance.ts";
import { pick, word } from "./made.ts";

const is = (member: string, ...values: string[]) => ({ member, values, not: false });
const isNot = (member: string, ...values: string[]) => ({ member, values, not: true });

test("what people write is understood", () => {
  const day = Date.UTC(2026, 0, 1);
  const cases: [text: string, query: Partial<Query>][] = [
    ["", {}],
    ["  \t ", {}],
    [
      'action:job.* actor:u_1 outcome:failure "text" -target:cron_job:42',
      {
        conditions: [
          is("action", "job.*"),
          is("actor", "u_1"),
          is("outcome", "failure"),
          isNot("target", "cron_job:42"),
        ],
        words: ["text"],
      },
    ],
    ["since:2026-01-01", { since: day }],
    ["until:2026-02-01T12:00Z", { until: Date.UTC(2026, 1, 1, 12) }],
    ["since:2026-01-01T02:00:01.5+02:00", { since: day + 1500 }],
    ["since:2026-01-01t00:00", { since: day }],
    ["outcome:failure,unknown", { conditions: [is("outcome", "failure", "unknown")] }],
    ["metadata.job_id:42", { conditions: [is("metadata.job_id", "42")] }],
    ["one two", { words: ["one", "two"] }],
    ['"one two"', { words: ["one two"] }],
    ['actor:"Zoë \\"Z\\" Example"', { conditions: [is("actor", 'Zoë "Z" Example')] }],
    ['action:"a*b"', { conditions: [is("action", "a\\*b")] }],
    ['action:"a "*" b"', { conditions: [is("action", "a * b")] }],
    ["action:a\\*b\\,c", { conditions: [is("action", "a\\*b,c")] }],
    ['action:"a,b",c', { conditions: [is("action", "a,b", "c")] }],
    ['action:""', { conditions: [is("action", "")] }],
    ['"a b":c', { conditions: [is("a b", "c")] }],
    ['"since":c', { conditions: [is("since", "c")] }],
    ["-word", { words: ["-word"] }],
    ['-"two words"', { words: ["-two words"] }],
    ["C:\\\\dir", { conditions: [is("C", "\\\\dir")] }],
  ];
  for (const [text, query] of cases) {
    assert.deepEqual(parseQuery(text), { query: { ...EVERYTHING, ...query }, problems: [] }, text);
  }
});

test("what is not understood is told with its place, and the rest counts", () => {
  const cases: [text: string, code: ProblemCode, at: number, end: number, query: Partial<Query>][] = [
    ['a "b', "quote.open", 2, 4, { words: ["a", "b"] }],
    ["a action:", "value.missing", 2, 9, { words: ["a"] }],
    ["action:a,", "value.missing", 0, 9, { conditions: [is("action", "a")] }],
    [":a", "member.missing", 0, 2, {}],
    ["since:yesterday", "time.invalid", 0, 15, {}],
    ["since:2026-02-30", "time.invalid", 0, 16, {}],
    ["since:2026-02-03T24:00Z", "time.invalid", 0, 23, {}],
    ["-since:2026-01-01", "time.simple", 0, 17, {}],
    ["until:2026-01-01,2026-01-02", "time.simple", 0, 27, {}],
    ["since:1970-01-01 since:1970-01-02", "time.twice", 17, 33, { since: 0 }],
    ["job.*", "text.star", 0, 5, { words: ["job.*"] }],
  ];
  for (const [text, code, at, end, query] of cases) {
    assert.deepEqual(parseQuery(text), { query: { ...EVERYTHING, ...query }, problems: [{ code, at, end }] }, text);
  }
});

test("a query that is too long is cut, and says so", () => {
  const { query, problems } = parseQuery("a ".repeat(100_000));
  assert.equal(query.words.length, 100);
  assert.deepEqual([...new Set(problems.map(({ code }) => code))], ["query.long"]);
  const many = parseQuery(`action:${"a,".repeat(500)}b`);
  assert.equal(many.query.conditions[0]?.values.length, 100);
  assert.equal(many.problems[0]?.code, "query.long");
  const long = parseQuery(`${"a".repeat(501)} action:b,${"a".repeat(5001)} action:${"c".repeat(5001)} d`);
  assert.deepEqual(long.query, { ...EVERYTHING, conditions: [is("action", "b")], words: ["d"] });
  assert.deepEqual(
    long.problems.map(({ code }) => code),
    ["query.long", "query.long", "query.long"],
  );
});

function random(below: Below): Query {
  const text = () =>
    pick(below, [word(below), word(below), '"', "\\", "a b", "*", "-x", ",", "x:y", "\u2003", "é", ":", ""]);
  const pattern = () => Array.from({ length: 1 + below(3) }, () => (below(3) === 0 ? "*" : exactly(text()))).join("");
  const member = () =>
    pick(below, ["action", "since", "until", "a.b", "-x", "a:b", '"', "x y", "\\", "ключ", "*", "a,b"]);
  const time = () =>
    below(3) === 0 ? undefined : pick(below, [0, -1, 1e12 + below(1e9), -8.64e15, 8.64e15, -62e12, 300e12]);
  return {
    conditions: Array.from({ length: below(4) }, () => ({
      member: member(),
      values: Array.from({ length: 1 + below(3) }, pattern),
      not: below(2) === 0,
    })),
    words: Array.from({ length: below(4) }, () => text().slice(0, 500) || "x"),
    since: time(),
    until: time(),
  };
}

test("what is written of a query reads as that query", () => {
  const below = chance(5);
  for (let nth = 0; nth < 3000; nth += 1) {
    const query = random(below);
    const text = formatQuery(query);
    assert.deepEqual(parseQuery(text), { query, problems: [] }, text);
  }
});

test("no text keeps a query from being read", () => {
  const below = chance(6);
  const signs = ['"', "\\", ":", ",", "-", "*", " ", "a", "since", "\ud800", "\u0000", "2026-01-01", "é", "__proto__"];
  for (let nth = 0; nth < 3000; nth += 1) {
    const text = Array.from({ length: below(12) }, () => pick(below, signs)).join("");
    const { query, problems } = parseQuery(text);
    for (const { at, end } of problems) {
      assert.ok(0 <= at && at <= end && end <= text.length);
    }
    assert.deepEqual(parseQuery(formatQuery(query)).query, query, text);
  }
});
