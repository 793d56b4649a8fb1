/** Columns as text, and what stands in them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cellText, longestRun, readColumns, valuesAt, writeColumns } from "../../dist/viewer/columns.js";
import { parseJson } from "../../dist/viewer/json-view.js";
import { cellsOf } from "../../dist/viewer/rows-cells.js";
import { usual } from "./page/shelves.ts";

test("columns are written and read again", () => {
  const columns = [{ id: "time" }, { id: "action", width: 200 }, { id: ".context.ip" }, { id: ".a,b:c%" }] as const;
  assert.equal(writeColumns(columns), "time,action:200,.context.ip,.a%2Cb%3Ac%25");
  assert.deepEqual(readColumns(writeColumns(columns)), columns);
});

test("of what a stranger wrote only columns are taken", () => {
  assert.deepEqual(readColumns("time,nonsense,__proto__,.,.%ff,action:-5,actor:99999,target:1,time"), [
    { id: "time" },
    { id: "action" },
    { id: "actor", width: 1_200 },
    { id: "target", width: 48 },
  ]);
  assert.equal(readColumns("nonsense"), undefined);
  assert.equal(readColumns(`.${"x".repeat(201)}`), undefined);
  assert.equal(readColumns(Array.from({ length: 100 }, (_, place) => `.m${place}`).join(","))?.length, 24);
});

test("a member is found by its path, and names with dots are names", () => {
  const json = parseJson(
    '{"a":{"b":{"c":1},"b.c":2,"":{"":3}},"a.b":{"c":4},"list":[{"x":5},{"x":"6"}],"toString":"own"}',
  );
  const at = (path: string) => cellText(valuesAt(json, path));
  assert.equal(at("a.b.c"), "1, 2, 4");
  assert.equal(at("list.x"), "5, 6");
  assert.equal(at("a.."), "3");
  assert.equal(at("toString"), "own");
  assert.equal(at("constructor"), undefined);
  assert.equal(at("__proto__.constructor"), undefined);
  assert.equal(at("list"), '[{"x":5},{"x":"6"}]');
});

test("very many values of one path are not all shown", () => {
  const json = parseJson(`{"a":[${'{"b":1},'.repeat(5_000)}{"b":2}]}`);
  assert.equal(valuesAt(json, "a.b").length, 20);
});

test("a path with very many dots takes no time", () => {
  const nested = parseJson(`${'{"":'.repeat(60)}1${"}".repeat(60)}`);
  assert.equal(valuesAt(nested, ".".repeat(59)).length, 1);
  assert.equal(valuesAt(nested, ".".repeat(200)).length, 0);
});

test("the longest run of columns of the event", () => {
  const run = (...ids: string[]) => longestRun(ids.map((id) => ({ id: id as "time" })));
  assert.deepEqual(run("time", "action", "actor", "place"), [1, 3]);
  assert.deepEqual(run("action", "time", ".a", ".b", "line", "tenant"), [2, 4]);
  assert.deepEqual(run("time", "line"), [0, 0]);
});

test("every column has its cell", () => {
  const columns = ["time", "actor", "tenant", "place", "signer", "index", "line", ".context.ip", ".none"].map((id) => ({
    id: id as "time",
  }));
  const { cells, untold } = cellsOf(usual(2), columns, "utc");
  assert.equal(untold, undefined);
  assert.deepEqual(
    cells.map((cell) => cell?.kind),
    ["time", "named", "text", "place", "named", "number", "number", "text", undefined],
  );
});

test("an event of which nothing stands in the columns is shown as its text", () => {
  const row = { ...usual(1), json: '{"else":1}' };
  assert.equal(cellsOf(row, [{ id: "time" }, { id: "action" }], "utc").untold, '{"else":1}');
  const unreadable = { ...usual(1), json: `${"[".repeat(70)}${"]".repeat(70)}` };
  assert.equal(cellsOf(unreadable, [{ id: "action" }], "utc").untold?.startsWith("[[["), true);
});
