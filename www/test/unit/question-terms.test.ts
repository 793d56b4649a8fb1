import assert from "node:assert/strict";
import { test } from "node:test";
import type { Frame } from "../../src/evidence/frame.ts";
import { type Match, type NamePart, namesOf, type Question, queryOf } from "../../src/evidence/question.ts";
import { parseQuestion } from "../../src/evidence/question-terms.ts";
import { questionWords } from "../../src/evidence/question-view.ts";
import { de } from "../../src/texts/de.ts";
import { en } from "../../src/texts/en.ts";

const NOTHING: Question = {
  who: "",
  behalf: "",
  actions: "",
  target: "",
  from: "",
  until: "",
  basis: "happened",
};
const scope = { events: 0, examined: null, range: null, sample: null };
const frame = (query: string | null, more: Partial<Frame> = {}) =>
  ({ query, scope, detections: null, ...more }) as Pick<Frame, "query" | "scope" | "detections">;

test("parseQuestion: understands every question of the form", () => {
  for (const [question, ...matches] of [
    [{ ...NOTHING, who: 'grace "the star" hopper' }, "whole"],
    [{ ...NOTHING, who: 'grace "the star" hopper' }, "part"],
    [{ ...NOTHING, who: 'grace "the * star" hopper' }, "pattern"],
    [{ ...NOTHING, who: "maria" }, "part"],
    [{ ...NOTHING, who: "10.0.0.1", target: "job:42" }, "part", "part"],
    [
      {
        ...NOTHING,
        who: "u-2",
        actions: "role.*, login",
        target: "job:42",
        from: "2026-08-01",
        until: "2026-08-31",
      },
      "whole",
      "pattern",
      "part",
      "whole",
    ],
    [{ ...NOTHING, until: "2026-08-31", basis: "recorded" }],
    [{ ...NOTHING, from: "2026-08-31", actions: "two words", basis: "recorded" }, "whole"],
    [{ ...NOTHING, actions: "*.delete" }, "pattern"],
    [{ ...NOTHING, behalf: "grace" }, "whole"],
    [{ ...NOTHING, who: "maria silva", actions: "role change, login" }, "words", "words", "part"],
    [{ ...NOTHING, target: "a b c d" }, "words"],
    [{ ...NOTHING, who: "bot", behalf: "grace", target: "42" }, "part", "whole", "whole"],
  ] satisfies [Question, ...Match[]][]) {
    const { from, until, basis } = question;
    const names = namesOf(question).map((name, nth) => ({ ...name, match: matches[nth] ?? "whole" }));
    const terms = (part: NamePart) =>
      names.filter((name) => name.part === part).map(({ name, match }) => ({ name, match }));
    const query = queryOf(question, names);
    assert.deepEqual(
      parseQuestion(query),
      {
        who: terms("who"),
        behalf: terms("behalf"),
        actions: terms("actions"),
        targets: terms("target"),
        from,
        until,
        basis: from === "" && until === "" ? undefined : basis,
      },
      query,
    );
  }
});

test("parseQuestion: is silent about a query of which a sentence would say less", () => {
  for (const query of [
    "",
    "grace",
    "-actor:ada",
    "actor:ada OR actor:bob",
    "(actor:ada)",
    "actor:ada NOT action:login",
    "actor:ada actor:bob",
    "actor:ada outcome:failure",
    "actor==ada,bob",
    "actor==ad*",
    "since==2026-08-01",
    "actor:*",
    'actor:*"a""b"*',
    "actor:1..5",
    "actor:10.0.0.0/8",
    "actor:a|b",
    'actor:"ada"bob',
    'actor:"ada",',
    'actor:""',
    "since:-30d",
    "since:2026-08",
    "time:2026-08-01",
    "time:2026-08-01..2026-08-31",
    "since:2026-08-01 recorded:*..2026-08-31",
    "has:actor",
  ])
    assert.equal(parseQuestion(query), undefined, query);
});

test("questionWords: opens a case with its question, in each language", () => {
  const asked = { ...NOTHING, who: "grace.hopper", from: "2026-08-01", until: "2026-08-31" };
  const query = queryOf(asked, [{ part: "who", name: "grace.hopper", match: "whole" }]);
  assert.equal(questionWords(frame(query), en), "What did grace.hopper do from 2026-08-01 to 2026-08-31?");
  assert.equal(questionWords(frame(query), de), "Was hat grace.hopper vom 2026-08-01 bis 2026-08-31 getan?");
  const recorded = "recorded-since:2026-08-01 recorded:*..2026-08-31";
  assert.equal(questionWords(frame(recorded), en), "What was recorded from 2026-08-01 to 2026-08-31?");
  assert.equal(
    questionWords(frame(`actor==grace.hopper ${recorded}`), en),
    "What did grace.hopper do, as recorded from 2026-08-01 to 2026-08-31?",
  );
  assert.equal(questionWords(frame(recorded), de), "Was wurde vom 2026-08-01 bis 2026-08-31 aufgezeichnet?");
  assert.equal(
    questionWords(frame('actor:"a","b" action:role.*,login'), en),
    "What did a or b do with the actions role.* or login?",
  );
  assert.equal(
    questionWords(frame("for:grace action:login"), en),
    "What was done on behalf of grace with the action login?",
  );
  assert.equal(
    questionWords(frame('actor=="bot" for=="grace"'), de),
    "Was hat bot im Auftrag von grace getan?",
  );
  assert.equal(questionWords(frame("action:role.*"), en), "What was done with the action role.*?");
  assert.equal(
    questionWords(frame("actor:*maria* action:login since:2026-08-01"), en),
    "What was done by anyone with “maria” in their name, ID, type, or email address with the action login since 2026-08-01?",
  );
  assert.equal(questionWords(frame("actor:*a*,b"), en), "Which events does this search select?");
  assert.equal(questionWords(frame("-action:login"), en), "Which events does this search select?");
  assert.equal(questionWords(frame(null), en), "What does this export contain?");
  // Statements about all events, of which the file contains only those that they name.
  const slice = { events: 5 } as Frame["slice"];
  const stated = { slice, scope: { ...scope, events: 6 } };
  assert.equal(questionWords(frame(null, stated), en), "What does the author state about this export?");
  const ranged = { scope: { ...scope, range: [4, 9] as const } };
  assert.equal(questionWords(frame(null, ranged), en), "What does this export contain among entries 4 to 8?");
  const detections = {
    pack: { name: "countersign", version: "3", hash: "", rules: 120 },
  } as Frame["detections"];
  assert.equal(
    questionWords(frame(null, { detections }), en),
    "Did any of the 120 rules in “countersign 3” fire?",
  );
});

test("questionWords: names can't hide or reorder the sentence around them", () => {
  const query = `actor:${Array.from({ length: 9 }, (_, nth) => `"u\u202e${nth}"`).join(",")} target:"אבג"`;
  assert.equal(
    questionWords(frame(query), en),
    "What did uU+202E0 or uU+202E1 or uU+202E2 or uU+202E3 or uU+202E4 or 4 others do to \u2068אבג\u2069?",
  );
});

test("questionWords: says each word of a name that is searched word by word", () => {
  const words = (query: string, t = en) => questionWords(frame(query), t);
  assert.equal(
    words("actor:*maria*silva*,*silva*maria* action:*role*change*,*change*role*,*login*"),
    "What was done by anyone with “maria” and “silva” in their name, ID, type, or email address with “login” or “role” and “change” in the action?",
  );
  // Only one order is another query, and so is one whose words can't be told apart.
  for (const [query, name] of [
    ["action:*role*change*", "*role*change*"],
    ["action:*a.b*c*,*c*a.b*", "*a.b*c* or *c*a.b*"],
  ] as const)
    assert.equal(words(query).includes(name), true, words(query));
});
