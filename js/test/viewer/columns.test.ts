/** Columns as text, and their cells. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { extentOf } from "../../packages/ui/dist/viewer/chart/period.js";
import { DEFAULT_COLUMNS, longestRun, readColumns, writeColumns } from "../../packages/ui/dist/viewer/list/columns.js";
import { fitting } from "../../packages/ui/dist/viewer/list/columns-layout.js";
import { cellsOf } from "../../packages/ui/dist/viewer/list/rows-cells.js";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { textOf } from "./drawn.ts";
import { event, listed, usual } from "./page/made.ts";

const TIMES = { zone: "utc", marksRecorded: false } as const;

test("columns: round-trip through text", () => {
  const columns = [{ id: "time" }, { id: "action", width: 200 }, { id: ".context.ip" }, { id: ".a,b:c%" }] as const;
  assert.equal(writeColumns(columns), "time,action:200,.context.ip,.a%2Cb%3Ac%25");
  assert.deepEqual(readColumns(writeColumns(columns)), columns);
});

test("readColumns: ignores unknown parts", () => {
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

test("longestRun: finds the longest run of event columns", () => {
  const run = (...ids: string[]) => longestRun(ids.map((id) => ({ id: id as "time" })));
  assert.deepEqual(run("time", "action", "actor", "place"), [1, 3]);
  assert.deepEqual(run("action", "time", ".a", ".b", "line", "tenant"), [2, 4]);
  assert.deepEqual(run("time", "line"), [0, 0]);
});

test("cellsOf: renders a cell for every column", () => {
  const ids = ["time", "actor", "tenant", "place", "signer", "index", "line", "recorded", "as", ".context.ip", ".none"];
  const columns = ids.map((id) => ({ id: id as "time" }));
  const { cells, excerpt } = cellsOf(listed(usual(2), ["context.ip", "none"]), columns, TIMES, en);
  assert.equal(excerpt, undefined);
  const [time, rest] = ["2026-11-01 00:00:02.000Z", ["countersign", "10.0.0.2", ""]];
  const link = ["01234567 / 3", "example.com/recorder 5cc3cc17", "3", "5"];
  assert.deepEqual(cells.map(textOf), [time, "Nightly backup u_2", "t_2", ...link, time, ...rest]);
});

test("time column: shows the event's own time, or else that of recording", () => {
  const columns = [{ id: "time" }, { id: "recorded" }] as const;
  const shown = (happened: string | undefined) =>
    cellsOf(listed({ ...usual(2), happened }), columns, TIMES, en).cells.map(textOf);
  const recorded = usual(2).time.replace("T", " ");
  assert.deepEqual(shown("2019-03-31T23:30:00.000Z"), ["2019-03-31 23:30:00.000Z", recorded]);
  assert.deepEqual(shown(undefined), [recorded, recorded]);
});

test("outcome column: shows known outcomes in the reader's language, and others unchanged", () => {
  const shown = (outcome: string, texts = de) =>
    cellsOf(listed(event(1, JSON.stringify({ action: "a", outcome }))), [{ id: "outcome" }], TIMES, texts).cells.map(
      textOf,
    );
  assert.deepEqual(shown("success"), ["Erfolg"]);
  assert.deepEqual(shown("failure"), ["Fehlschlag"]);
  assert.deepEqual(shown("success", en), ["Success"]);
  assert.deepEqual(shown("unstated"), ["unstated"]);
  assert.deepEqual(shown("partial"), ["partial"]);
});

test("cellsOf: returns the event's text if no cell has content", () => {
  const excerpt = (json: string) =>
    cellsOf(listed(event(1, json)), [{ id: "time" }, { id: "action" }, { id: "outcome" }], TIMES, en).excerpt;
  assert.equal(excerpt('{"else":1}'), '{"else":1}');
  assert.equal(excerpt('{"action":"a"}'), undefined);
});

test("fitting: drops default columns without room, but never chosen ones", () => {
  const ids = (room: number) => fitting(DEFAULT_COLUMNS, room, "utc").map(({ id }) => id);
  const all = DEFAULT_COLUMNS.map(({ id }) => id);
  assert.deepEqual(ids(100), all);
  assert.deepEqual(ids(70), all.slice(0, -1));
  assert.deepEqual(ids(60), ["time", "action", "actor", "target", "outcome"]);
  assert.deepEqual(ids(50), ["time", "action", "actor", "target"]);
  assert.deepEqual(ids(40), ["time", "action", "actor", "target"]);
  assert.deepEqual(ids(36), ["time", "action", "actor"]);
  assert.deepEqual(ids(33), ["time", "action", "actor"]);
  assert.deepEqual(ids(29), ["time", "action"]);
  const chosen = [...DEFAULT_COLUMNS];
  assert.equal(fitting(chosen, 20, "utc"), chosen);
});

test("extentOf: ends at the last event, not at the end of the chart or bar", () => {
  const none = [0, 0, 0, 0];
  const bars = { success: [0, 2, 0, 0], failure: [0, 0, 1, 0], denied: none, unknown: none, "not-stated": none };
  assert.deepEqual(extentOf({ begin: 1000, step: 10, bars }, 1023, true), { begin: 1010, end: 1024, isOpen: true });
  assert.equal(extentOf({ begin: 0, step: 1, bars: { ...bars, success: none, failure: none } }, 0, true), undefined);
});
