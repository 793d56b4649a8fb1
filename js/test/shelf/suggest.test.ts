import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery } from "../../dist/shelf/query.js";
import { suggest, wanted } from "../../dist/shelf/suggest.js";
import type { Found, Shelf } from "../../dist/shelf/types.js";
import { chance } from "../chaos/chance.ts";
import { inline } from "./inline.ts";
import { batchLine, leaves, pick, word } from "./made.ts";
import { put } from "./put.ts";
import { answer, COLUMNS } from "./reference.ts";

const BY_PLACE = { by: "place", descending: false } as const;

/** A query with a caret where a bar stands. */
function suggestions(query: string, found?: Found): string[] {
  const caret = query.indexOf("|");
  const text = query.replace("|", "");
  return suggest(text, caret, found).map(
    (suggestion) =>
      `${text.slice(0, suggestion.at)}${suggestion.text.slice(0, suggestion.caret - suggestion.at)}|${text.slice(suggestion.end)}`,
  );
}

test("members and values that were found are suggested for what is typed", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  await put(shelf, [
    '{"action":"job.update","actor":{"id":"Zoë, \\"Z\\""},"target":{"type":"job","id":"4*2"}}',
    '{"action":"job.update","outcome":"failure"}',
    '{"action":"login"}',
  ]);
  const found = await shelf.ask(parseQuery("").query, BY_PLACE, () => {});
  const cases: [typed: string, suggested: string[]][] = [
    ["a|", ["action:|", "actor:|", "outcome:failure|", "action:job.update|"]],
    ["JOB|", ["action:job.update|", 'target:"job:4*2"|']],
    ["-t|", ["-target:|", "-tenant:|", "-action:job.update|"]],
    ["x act| y", ["x action:| y", "x actor:| y"]],
    ["action:|", ["action:job.update|", "action:login|"]],
    ["action:LO|", ["action:login|"]],
    ["-action:login,j|", ["-action:login,job.update|"]],
    ["action:job|.x z", ["action:job.update| z"]],
    ["actor:zo|", ['actor:"Zoë, \\"Z\\""|']],
    ['actor:"zo|', ['actor:"Zoë, \\"Z\\""|']],
    ["metadata.x:|", []],
    ['"a|', []],
  ];
  for (const [typed, expected] of cases) {
    const suggested = suggestions(typed, found);
    for (const one of expected) {
      assert.ok(suggested.includes(one), `${typed}: ${one} in ${suggested}`);
    }
    assert.equal(expected.length === 0, suggested.length === 0, `${typed}: ${suggested}`);
  }
  assert.deepEqual(suggestions("|"), [
    "action:|",
    "actor:|",
    "target:|",
    "outcome:|",
    "tenant:|",
    "since:|",
    "until:|",
    "signer:|",
    "chain:|",
  ]);
  assert.deepEqual(suggestions("action:|"), []);
});

test("a suggested value finds what was counted", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const values = ["a*b", "axb", 'q"', "\\", "a,b", "-", "", "  "];
  await put(
    shelf,
    values.map((value) => JSON.stringify({ action: value })),
  );
  const found = await shelf.ask(parseQuery("").query, BY_PLACE, () => {});
  const suggested = suggest("action:", 7, found);
  assert.equal(suggested.length, values.length);
  for (const { text, label, count } of suggested) {
    const { events } = await shelf.ask(parseQuery(text).query, BY_PLACE, () => {});
    assert.equal(events, count, label);
    const [row] = await shelf.rows(0, 1);
    assert.equal(row?.kind === "event" && JSON.parse(row.json).action, label);
  }
});

/** What is suggested when the shelf was asked, as people read it. */
async function labels(shelf: Shelf, text: string): Promise<string[]> {
  const asked = wanted(text, text.length);
  const values = asked && (await shelf.values(asked.column, asked.text));
  return suggest(text, text.length, undefined, values).map(({ label, count }) => `${label} ${count ?? ""}`.trim());
}

test("values are suggested however rare they are, first those that begin with what is typed", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const everyday = Array.from({ length: 3000 }, (_, nth) => `{"action":"act.${nth % 60}","tenant":"t_${nth}"}`);
  const rare = [
    '{"action":"re.act"}',
    '{"action":"actuate","actor":"Actor"}',
    '{"action":"ACT","actor":{"id":"user"}}',
  ];
  await put(shelf, [...everyday, ...rare, '{"action":"re.act"}']);
  assert.deepEqual(await shelf.values("action", "act"), [], "nothing was asked");
  await shelf.ask(parseQuery("").query, BY_PLACE, () => {});
  assert.deepEqual(await labels(shelf, "action:actu"), ["actuate 1"]);
  assert.deepEqual(await labels(shelf, 'action:"act.59'), ["act.59 50"]);
  assert.deepEqual((await labels(shelf, "-action:x,t.5")).slice(0, 3), ["act.5 50", "act.50 50", "act.51 50"]);
  assert.deepEqual(await labels(shelf, "tenant:t_2999"), ["t_2999 1"]);
  assert.deepEqual(await labels(shelf, "actor:us"), ["user 1"]);
  assert.deepEqual(await labels(shelf, "actor:user:"), [], "what is not said");
  assert.deepEqual(await labels(shelf, "actu"), ["actuate 1"]);
  assert.deepEqual(await labels(shelf, "acto"), ["actor", "Actor 1"]);
  assert.deepEqual(await labels(shelf, "metadata.x:a"), []);
  assert.deepEqual(await shelf.values(undefined, "a".repeat(100_000)), []);
  await shelf.ask(parseQuery("tenant:t_7").query, BY_PLACE, () => {});
  assert.deepEqual(await labels(shelf, "action:"), ["act.7 1"]);
  assert.deepEqual((await labels(shelf, "tenant:t_299")).length, 11, "its own condition does not count");
});

test("values that hold a text are those of a slow search", async (t) => {
  for (let seed = 61; seed < 64; seed += 1) {
    const below = chance(seed);
    const log = leaves(below, 300);
    const shelf = inline();
    t.after(() => shelf.close());
    await shelf.add(
      new TextEncoder().encode(
        log
          .filter(({ kind }) => kind === "event")
          .map(batchLine)
          .join(""),
      ),
    );
    const query = { conditions: [], words: [], since: undefined, until: undefined };
    await shelf.ask(query, BY_PLACE, () => {});
    const { facets } = answer(log, query, BY_PLACE);
    for (let asked = 0; asked < 60; asked += 1) {
      const column = pick(below, COLUMNS);
      const text =
        below(6) === 0
          ? ""
          : word(below)
              .slice(0, 1 + below(4))
              .toWellFormed();
      const like = Array.from(text, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`).join("");
      const [begins, holds] = [new RegExp(`^${like}`, "iu"), new RegExp(like, "iu")];
      const found = await shelf.values(column, text);
      const about = `${column} ${text}: ${JSON.stringify(found)}`;
      const fitting = [...facets[column].counts.keys()].filter((value) => holds.test(value));
      assert.ok(found.length <= 12 && new Set(found.map(({ value }) => value)).size === found.length, about);
      assert.ok(found.length === Math.min(12, fitting.length) || column === "actor" || column === "target", about);
      assert.ok(
        found.every(({ value, count }) => fitting.includes(value) && facets[column].counts.get(value) === count),
        about,
      );
      const ranks = found.map(({ value, count }) => (begins.test(value) ? 1e6 : 0) + count);
      assert.deepEqual(
        ranks,
        ranks.toSorted((one, other) => other - one),
        about,
      );
      // None that is left out should stand before one that is told.
      const least = ranks.at(-1) ?? 0;
      const missing = fitting.filter((value) => !found.some((one) => one.value === value));
      const rank = (value: string) => (begins.test(value) ? 1e6 : 0) + (facets[column].counts.get(value) ?? 0);
      assert.ok(column === "actor" || column === "target" || missing.every((value) => rank(value) <= least), about);
    }
  }
});
