/** Which row is open. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Opening } from "../../dist/viewer/opening.js";
import type { Row, Shelf } from "../../src/shelf/types.ts";
import { usual } from "./page/shelves.ts";

/** A shelf that answers when it is told to. */
function slow() {
  const answers: (() => void)[] = [];
  const shelf = {
    rows: (from: number) =>
      new Promise((resolve) => {
        answers.push(() => resolve([usual(from)]));
      }),
    rowOf: async (line: number) => line + 100,
  } as Partial<Shelf> as Shelf;
  const opened: (number | undefined)[] = [];
  let moved = 0;
  const opening = new Opening(
    (row) => opened.push(row?.line),
    () => {
      moved += 1;
    },
  );
  return { shelf, answers, opened, opening, moved: () => moved };
}

const line = (number: number) => usual(number).line;

test("what is drawn is what is opened, whatever the list has there by now", async () => {
  const { shelf, opening, opened } = slow();
  await opening.open(shelf, 3, usual(7));
  assert.equal(opening.opened?.row.line, line(7));
  assert.deepEqual(opened, [line(7)]);
});

test("of two rows that are read the one asked for last is opened, and none after it was closed", async () => {
  const { shelf, answers, opening, opened } = slow();
  const both = [opening.open(shelf, 1), opening.open(shelf, 2)];
  for (const answer of answers.toReversed()) answer();
  await Promise.all(both);
  assert.deepEqual(opened, [line(2)]);
  const late = opening.open(shelf, 3);
  assert.equal(opening.close(), true);
  answers.at(-1)?.();
  await late;
  assert.equal(opening.opened, undefined);
  assert.deepEqual(opened, [line(2), undefined]);
});

test("the same row is told once, and followed where the list moves", async () => {
  const { shelf, opening, opened, moved } = slow();
  const row: Row = usual(5);
  await opening.open(shelf, 5, row);
  await opening.open(shelf, 5, { ...row });
  assert.deepEqual(opened, [line(5)]);
  await opening.follow(shelf);
  assert.deepEqual([opening.opened?.position, opening.opened?.row.line], [line(5) + 100, line(5)]);
  assert.equal(moved(), 2);
});
