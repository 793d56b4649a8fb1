/** Reading rows ahead of the scroll position. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE } from "../../packages/ui/dist/index/page.js";
import type { Row } from "../../packages/ui/dist/index/types.js";
import { RowPages } from "../../packages/ui/dist/viewer/list/rows-pages.js";
import { event, listed, usual } from "./page/made.ts";

/** An index that responds on demand. */
function slow(row: (number: number) => Row = (number) => listed(usual(number))) {
  const asked: { from: number; to: number; answer: (isThere?: boolean) => Promise<void> }[] = [];
  const rows = (from: number, to: number) =>
    new Promise<readonly Row[]>((resolve, reject) => {
      asked.push({
        from,
        to,
        answer: async (isThere = true) => {
          if (isThere) resolve(Array.from({ length: to - from }, (_, place) => row(from + place)));
          else reject(new Error("gone"));
          await new Promise(setImmediate);
        },
      });
    });
  const answerAll = async () => {
    for (let next = asked.shift(); next !== undefined; next = asked.shift()) await next.answer();
  };
  return { index: { rows }, asked, answerAll };
}

test("RowPages: reads visible rows first, then the next ones, two pages at a time", async () => {
  const { index, asked, answerAll } = slow();
  const pages = new RowPages(index, 1_000_000, [], () => {});
  pages.want(100, 140, 1);
  assert.deepEqual(
    asked.map(({ from }) => from / PAGE),
    [1, 2],
  );
  await asked.shift()?.answer();
  assert.deepEqual(
    asked.map(({ from }) => from / PAGE),
    [2, 3],
  );
  assert.equal(pages.get(100)?.line, 103);
  await answerAll();
  assert.equal(pages.has(0, 6 * PAGE), true);
});

test("RowPages: skips pages that were scrolled past", async () => {
  const { index, asked, answerAll } = slow();
  const pages = new RowPages(index, 1_000_000, [], () => {});
  for (let first = 0; first < 900_000; first += 10_000) pages.want(first, first + 40, 1);
  pages.want(999_960, 1_000_000, 1);
  assert.equal(asked.length, 2);
  await answerAll();
  assert.equal(pages.has(999_960, 1_000_000), true);
  assert.equal(pages.has(500_000, 500_040), false);
});

test("RowPages: the last page ends with the last row", async () => {
  const { index, asked, answerAll } = slow();
  const pages = new RowPages(index, PAGE + 3, [], () => {});
  pages.want(0, 500, 1);
  assert.equal(asked.at(-1)?.to, PAGE + 3);
  await answerAll();
  assert.notEqual(pages.get(PAGE + 2), undefined);
  assert.equal(pages.get(PAGE + 3), undefined);
});

test("RowPages: bounds memory for large values", async () => {
  const { index, answerAll } = slow((row) => listed(event(row, `{"v":"${"x".repeat(100_000)}"}`), ["v"]));
  const pages = new RowPages(index, 100_000, ["v"], () => {});
  for (let first = 0; first < 20 * PAGE; first += PAGE) {
    pages.want(first, first + 10, 1);
    await answerAll();
  }
  const kept = Array.from({ length: 24 }, (_, page) => page).filter((page) => pages.get(page * PAGE) !== undefined);
  assert.ok(kept.length <= 7, `${kept.length} pages`);
  assert.equal(pages.has(19 * PAGE, 19 * PAGE + 10), true);
});

test("RowPages: keeps rows of a resized result until their page is read again", async () => {
  const { index, asked, answerAll } = slow();
  const before = new RowPages(index, PAGE + 3, [], () => {});
  before.want(0, 70, 1);
  await answerAll();
  const pages = before.resized(PAGE + 10, []);
  assert.equal(pages.get(PAGE + 2)?.line, PAGE + 5);
  pages.want(60, 80, 1);
  assert.deepEqual(
    asked.map(({ from, to }) => [from, to]),
    [
      [0, PAGE],
      [PAGE, PAGE + 10],
    ],
  );
  const [first, same] = [before.get(0), before.get(60)];
  await answerAll();
  assert.equal(pages.has(0, PAGE + 10), true);
  assert.equal(pages.get(PAGE + 9)?.line, PAGE + 12);
  assert.ok(pages.get(0) === first && pages.get(60) === same, "unchanged rows are not drawn again");
});

test("RowPages: marks rows as lost after a failure and stops reading", async () => {
  const { index, asked } = slow();
  let told = 0;
  const pages = new RowPages(index, 1_000, [], () => {
    told += 1;
  });
  pages.want(0, 20, 1);
  await asked.shift()?.answer(false);
  assert.equal(pages.isLost, true);
  assert.equal(told, 1);
  const before = asked.length;
  pages.want(500, 520, 1);
  assert.equal(asked.length, before);
});
