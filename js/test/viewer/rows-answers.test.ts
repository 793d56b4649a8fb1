/** The rows shown while a result grows. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SearchResult } from "../../packages/ui/dist/index/types.js";
import { Answers } from "../../packages/ui/dist/viewer/list/rows-answers.js";
import { indexOf, listed, usual } from "./page/made.ts";

/** A list of lines in view. */
function inView(lines: number[], place = { first: 0, count: 4, current: 0, isAtBegin: true }) {
  const index = {
    rows: async (from: number, to: number) => lines.slice(from, to).map((line) => listed(usual(line - usual(0).line))),
    rowOf: async (line: number) => (lines.includes(line) ? lines.indexOf(line) : undefined),
  };
  const answers = new Answers(
    place,
    () => place.current,
    () => {},
  );
  const found = (query = 1): SearchResult => ({ ...indexOf(lines.length, usual).found, query });
  /** Reports a result, and lets it be read to the end. */
  const tell = async (told: SearchResult = found()) => {
    const turns = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const done = answers.receive(index, told, []);
      answers.follow();
      answers.pages?.want(place.first, place.first + place.count, 1);
      if (done !== undefined) turns.push(done);
      await new Promise(setImmediate);
    }
    return turns;
  };
  const shown = () =>
    Array.from({ length: answers.pages?.size ?? 0 }, (_, row) => answers.pages?.get(row)?.line).slice(0, lines.length);
  return { answers, tell, shown, found, place };
}

test("Answers: inserts rows between others even if their number was read before", async () => {
  const lines = [10, 20, 30, 40];
  const { tell, shown } = inView(lines);
  await tell();
  assert.deepEqual(shown(), [10, 20, 30, 40]);
  lines.splice(2, 0, 25);
  await tell();
  assert.deepEqual(shown(), [10, 20, 25, 30, 40]);
});

test("Answers: shows another result at once with its first rows, unless a field has a column", async () => {
  const lines = [10, 20, 30];
  const { answers, tell, found } = inView(lines);
  await tell();
  const first = [5, 6].map((line) => listed(usual(line - usual(0).line)));
  const never = { rows: () => new Promise<never>(() => {}), rowOf: async () => undefined };
  const turn = answers.receive(never, { ...found(2), rows: 2, first }, []);
  assert.equal(turn?.shift, undefined);
  assert.deepEqual(
    [0, 1].map((row) => answers.pages?.get(row)?.line),
    [5, 6],
  );
  assert.equal(answers.receive(never, { ...found(3), rows: 2, first }, ["v"]), undefined);
  assert.equal(answers.isTurning, true);
});

test("Answers: reads a result again that is reported with as many rows", async () => {
  const lines = [10, 20, 30];
  const { tell, shown } = inView(lines);
  await tell();
  lines.splice(0, 3, 10, 15, 30);
  await tell();
  assert.deepEqual(shown(), [10, 15, 30]);
});

test("Answers: locates the rows in view and the current row by their lines", async () => {
  const lines = Array.from({ length: 50 }, (_, place) => 100 + place);
  const { tell, shown } = inView(lines, { first: 10, count: 4, current: 12, isAtBegin: false });
  await tell();
  lines.splice(11, 0, 1, 2, 3);
  lines.unshift(7, 8);
  const [turn] = await tell();
  assert.deepEqual([turn?.shift, turn?.step], [2, 5]);
  assert.deepEqual(shown().slice(10, 14), [108, 109, 110, 1]);
});

test("Answers: shows the next result even if the reader keeps scrolling", async () => {
  const lines = Array.from({ length: 500 }, (_, place) => 100 + place);
  const { answers, tell, shown, place } = inView(lines, { first: 10, count: 4, current: 0, isAtBegin: false });
  await tell();
  place.first = 400;
  lines.unshift(1, 2);
  assert.equal((await tell()).length, 1);
  assert.equal(answers.isTurning, false);
  assert.equal(shown()[400], 498);
});

test("Answers: starts over for another query", async () => {
  const lines = [10, 20];
  const { tell, shown, found } = inView(lines);
  await tell();
  lines.splice(0, 2, 5);
  const [turn] = await tell(found(2));
  assert.equal(turn?.shift, undefined);
  assert.deepEqual(shown(), [5]);
});
