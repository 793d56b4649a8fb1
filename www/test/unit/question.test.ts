import assert from "node:assert/strict";
import { test } from "node:test";
import { countOnBehalf } from "../../src/evidence/on-behalf.ts";
import {
  type Question,
  queryOf,
  type SearchedName,
  searchedNames,
  unknownNames,
} from "../../src/evidence/question.ts";
import { suggestedNames } from "../../src/evidence/suggestions.ts";

const NOTHING: Question = {
  who: "",
  behalf: "",
  actions: "",
  target: "",
  from: "",
  until: "",
  basis: "happened",
};

/** Returns an index in which these queries find events; others find none. */
function index(found: Readonly<Record<string, number | undefined>>) {
  const asked: string[] = [];
  const count = async (query: string) => {
    asked.push(query);
    return query in found ? found[query] : 0;
  };
  return { asked, count };
}

/** Returns the query for a question in an index in which these queries find events. */
async function asked(
  question: Partial<Question>,
  found: Readonly<Record<string, number | undefined>> = {},
  isWide = false,
) {
  const whole = { ...NOTHING, ...question };
  return queryOf(whole, await searchedNames(whole, index(found), isWide));
}

test("question: a name that an event has is searched as a whole, any other as part of names", async () => {
  const known = { 'actor=="u-2"': 5, 'action=="role.grant"': 2, 'target=="42"': 1 };
  assert.equal(
    await asked({ who: "u-2", actions: "role.grant", target: "42" }, known),
    'actor=="u-2" action:role.grant target=="42"',
  );
  assert.equal(
    await asked({ who: "maria", actions: "grant", target: "42" }),
    'actor:*maria* action:*grant* target:"42",*"42"*',
  );
  assert.equal(await asked({ who: "Lopez, Maria" }), 'actor:"Lopez, Maria",*"Lopez, Maria"*');
  assert.equal(await asked({ who: "Maria Lopez" }, { 'actor=="Maria Lopez"': 2 }), 'actor=="Maria Lopez"');
  assert.equal(await asked({ who: "u-2" }, known, true), 'actor:"u-2",*u-2*');
  assert.equal(await asked({ actions: "role.grant, invoice" }, known), "action:role.grant,*invoice*");
});

test("question: asks on whose behalf someone acted, and what others did for the person asked about", async () => {
  assert.equal(
    await asked({ who: "bot", behalf: "grace" }, { 'for=="grace"': 1 }),
    'actor:*bot* for=="grace"',
  );
  const found = { 'actor=="grace"': 5, 'for=="grace" since:2026-08-01 -actor=="grace"': 12 };
  const question = { ...NOTHING, who: "grace", from: "2026-08-01" };
  const count = async (whole: Question, found: Readonly<Record<string, number | undefined>>) =>
    countOnBehalf(whole, await searchedNames(whole, index(found)), index(found));
  assert.equal(await count(question, { ...found, 'for=="grace"': 12 }), 12);
  // Without a whole name, parts of names are searched.
  assert.equal(await count(question, { "for:*grace* since:2026-08-01 -actor:*grace*": 3 }), 3);
  assert.equal(
    await count(question, { "for:*grace* since:2026-08-01 -actor:*grace*": undefined }),
    undefined,
  );
  // A question that names nobody who acted, or for whom, says it all.
  assert.equal(await count({ ...question, who: "" }, found), 0);
  assert.equal(await count({ ...question, behalf: "lin" }, found), 0);
});

test("question: is searched as part of names if the index can't tell", async () => {
  assert.equal(await asked({ who: "ada" }, { 'actor=="ada"': undefined }), "actor:*ada*");
});

test("question: a name of several words is searched word by word, in any order", async () => {
  const role = "*role*change*,*change*role*";
  assert.equal(
    await asked({ actions: "role change, login" }, { [`action:${role}`]: 1 }),
    `action:${role},*login*`,
  );
  assert.equal(
    await asked({ who: "Lopez, Maria" }, { "actor:*Lopez*Maria*,*Maria*Lopez*": undefined }),
    'actor:"Lopez, Maria",*"Lopez, Maria"*',
  );
  // Without spaces it is a name first.
  const found = { "action:*change.role*": 1, "action:*change*role*,*role*change*": 2 };
  assert.equal(await asked({ actions: "change.role" }, found), "action:*change.role*");
  assert.equal(
    await asked({ actions: "change.role" }, { "action:*change*role*,*role*change*": 2 }),
    "action:*change*role*,*role*change*",
  );
  assert.equal(await asked({ target: "10.0.0.0/8" }), 'target:"10.0.0.0/8",*"10.0.0.0/8"*');
});

test("question: a star stands for any text", async () => {
  assert.equal(
    await asked({ who: "*@example.com", actions: "role.**, x y*", target: "*" }),
    'actor:*"@example.com" action:role.*,"x y"* target:*',
  );
});

test("question: values can't add conditions", async () => {
  const hostile = { who: ' x" OR y', actions: "a..b,-c, OR", target: 'a\\"' };
  const who = String.raw`actor=="x\" OR y"`;
  const target = String.raw`target=="a\\\""`;
  assert.equal(
    await asked(hostile, { [who]: 1, [target]: 1 }),
    String.raw`actor=="x\" OR y" action:*"a..b"*,*"-c"*,*OR* target=="a\\\""`,
  );
});

test("question: days are included, by either time", async () => {
  const days = { from: "2026-11-01", until: "2026-11-20" };
  assert.equal(await asked(days), "since:2026-11-01 time:*..2026-11-20");
  assert.equal(
    await asked({ ...days, basis: "recorded" }),
    "recorded-since:2026-11-01 recorded:*..2026-11-20",
  );
});

test("question: a name is unknown only if no event has it, in the way it was searched", async () => {
  const names: readonly SearchedName[] = [
    { part: "who", name: "maria", match: "part" },
    { part: "actions", name: "login", match: "whole" },
    { part: "actions", name: "x", match: "part" },
    { part: "target", name: "y", match: "part" },
  ];
  const counted = index({ "actor:*maria*": 3, "action:login": 2, "target:*y*": undefined });
  assert.deepEqual(
    (await unknownNames(names, counted)).map(({ name }) => name),
    ["x"],
  );
});

test("suggestions: values of a field, without fields and cut names, at most twelve", async () => {
  const queries: string[] = [];
  const suggest = async (query: string) => {
    queries.push(query);
    const value = (label: string) => ({
      kind: "value" as const,
      label,
      text: label,
      at: 0,
      end: 0,
      caret: 0,
    });
    return query.startsWith("actor.name")
      ? [value("Maria Lopez")]
      : [
          value("maria.lopez@example.com"),
          { ...value("x"), kind: "field" as const },
          value("cut…"),
          value("Maria Lopez"),
        ];
  };
  assert.deepEqual(await suggestedNames({ suggest }, "who", ' ma"ria*'), [
    "maria.lopez@example.com",
    "Maria Lopez",
  ]);
  assert.ok(queries.includes('actor:"maria'));
  assert.deepEqual(await suggestedNames({ suggest }, "actions", "login, ma"), [
    "login, maria.lopez@example.com",
    "login, Maria Lopez",
  ]);
  assert.deepEqual(await suggestedNames({ suggest }, "who", "x".repeat(300)), []);
});
