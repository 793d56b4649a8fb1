import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery } from "../../dist/shelf/query.js";
import { suggest } from "../../dist/shelf/suggest.js";
import type { Found } from "../../dist/shelf/types.js";
import { inline } from "./inline.ts";
import { put } from "./put.ts";

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
  const found = await shelf.ask(parseQuery("").query, { by: "place", descending: false }, () => {});
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
  const found = await shelf.ask(parseQuery("").query, { by: "place", descending: false }, () => {});
  const suggested = suggest("action:", 7, found);
  assert.equal(suggested.length, values.length);
  for (const { text, label, count } of suggested) {
    const { events } = await shelf.ask(parseQuery(text).query, { by: "place", descending: false }, () => {});
    assert.equal(events, count, label);
    const [row] = await shelf.rows(0, 1);
    assert.equal(row?.kind === "event" && JSON.parse(row.json).action, label);
  }
});
