import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventIndex, Row } from "../../packages/ui/dist/index/types.js";
import { SelectedRow } from "../../packages/ui/dist/viewer/drawer/selected-row.js";
import { listed, usual } from "./page/made.ts";

/** An index that responds on demand. */
function slow() {
  const answers: (() => void)[] = [];
  const index = {
    row: (at: number, known?: Row) =>
      new Promise((resolve) => {
        answers.push(() => resolve(usual(known === undefined ? at : known.line - usual(0).line)));
      }),
    rowOf: async (line: number) => line + 100,
  } as Partial<EventIndex> as EventIndex;
  const opened: (number | undefined)[] = [];
  const failures: unknown[] = [];
  let moved = 0;
  const opening = new SelectedRow(
    (row) => opened.push(row?.line),
    () => {
      moved += 1;
    },
    (error) => failures.push(error),
  );
  return { index, answers, opened, opening, failures, moved: () => moved };
}

const line = (number: number) => usual(number).line;

test("SelectedRow: opens the rendered row, whatever the list has there by now", async () => {
  const { index, answers, opening, opened } = slow();
  const open = opening.open(index, 3, listed(usual(7)));
  answers.at(-1)?.();
  await open;
  assert.equal(opening.opened?.row.line, line(7));
  assert.deepEqual(opened, [line(7)]);
});

test("SelectedRow: opens the last of two requested rows, and none after it was closed", async () => {
  const { index, answers, opening, opened } = slow();
  const both = [opening.open(index, 1), opening.open(index, 2)];
  for (const answer of answers.toReversed()) answer();
  await Promise.all(both);
  assert.deepEqual(opened, [line(2)]);
  const late = opening.open(index, 3);
  assert.equal(opening.close(), true);
  answers.at(-1)?.();
  await late;
  assert.equal(opening.opened, undefined);
  assert.deepEqual(opened, [line(2), undefined]);
});

test("SelectedRow: reports a row once and follows it when the list moves", async () => {
  const { index, answers, opening, opened, moved } = slow();
  for (let time = 0; time < 2; time += 1) {
    const open = opening.open(index, 5);
    answers.at(-1)?.();
    await open;
  }
  assert.deepEqual(opened, [line(5)]);
  await opening.follow(index, true);
  assert.deepEqual([opening.opened?.position, opening.opened?.row.line], [line(5) + 100, line(5)]);
  assert.equal(moved(), 2);
});

test("SelectedRow: closes an event that a complete list lacks, without opening another one", async () => {
  const { index, answers, opening, opened } = slow();
  const open = opening.open(index, 1);
  answers.at(-1)?.();
  await open;
  await opening.follow({ rowOf: () => Promise.reject(new Error("it is closed")) }, true);
  await opening.follow({ rowOf: async () => undefined }, false);
  assert.equal(opening.opened?.row.line, line(1));
  await opening.follow({ rowOf: async () => undefined }, true);
  assert.equal(opening.opened, undefined);
  assert.deepEqual(opened, [line(1), undefined]);
});

test("SelectedRow: reports why a row can't be opened and keeps the open one", async () => {
  const { index, answers, opening, opened, failures } = slow();
  const open = opening.open(index, 5);
  answers.at(-1)?.();
  await open;
  const gone = new Error("the file is gone");
  await opening.open({ row: () => Promise.reject(gone) }, 6);
  assert.deepEqual([failures, opened], [[gone], [line(5)]]);
});
