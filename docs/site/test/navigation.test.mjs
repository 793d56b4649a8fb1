/** Tests that the navigation has each page once, and rejects what it can't read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { navigation, pages, sidebar } from "../src/navigation.mjs";
import { DOCS, HOME, sitePath } from "../src/paths.mjs";
import { documents } from "./markdown.mjs";

test("each document is in the navigation, once", () => {
  const all = pages();
  assert.deepEqual(
    all.filter((page, at) => all.indexOf(page) !== at),
    [],
    "pages that are there twice",
  );
  const own = documents(DOCS).filter((page) => !page.startsWith(`${DOCS}site/`));
  assert.deepEqual(
    own.filter((page) => !all.includes(page)),
    [],
    "documents that are missing",
  );
});

test("each page has its own path in the site", () => {
  const paths = pages().map(sitePath);
  assert.equal(new Set(paths).size, paths.length);
  assert.equal(sitePath(HOME), "index.md");
});

test("headings become groups, and items become links", () => {
  const groups = navigation("# All\n\n## One\n\n- [A](a.md): about a\n\n### Part\n\n- [B](../B.md)\n");
  assert.deepEqual(sidebar(groups), [
    {
      text: "One",
      items: [
        { text: "A", link: "/a.md" },
        { text: "Part", items: [{ text: "B", link: "/B.md" }] },
      ],
    },
  ]);
});

test("an item that isn't a page is rejected", () => {
  for (const item of ["- [A](a.md#part)", "- A", "- [A](a.txt): text", "- [A](a.md) and [B](b.md)"]) {
    assert.throws(() => navigation(`## One\n${item}\n`), /an item must be/, item);
  }
  assert.throws(() => navigation("- [A](a.md)\n"), /in a group/);
  assert.throws(() => navigation("### Part\n"), /must begin with a heading of level 2/);
});
