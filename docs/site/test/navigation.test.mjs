/** Tests that the navigation has each page once, and rejects what it can't read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { generatedPages } from "../src/generated.mjs";
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

test("generated pages follow the page that they belong to", () => {
  const groups = navigation("## One\n\n- [A](a.md)\n- [B](b.md)\n");
  const made = [{ text: "a/part", page: "api/part.md", parent: "docs/a.md" }];
  assert.deepEqual(sidebar(groups, made)[0].items, [
    { text: "A", link: "/a.md", collapsed: true, items: [{ text: "a/part", link: "/api/part.md" }] },
    { text: "B", link: "/b.md" },
  ]);
});

test("each generated page belongs to a page that is there", () => {
  const all = pages();
  assert.deepEqual(
    generatedPages().filter(({ parent }) => !all.includes(parent)),
    [],
  );
});

test("an item that isn't a page is rejected", () => {
  for (const item of ["- [A](a.md#part)", "- A", "- [A](a.txt): text", "- [A](a.md) and [B](b.md)"]) {
    assert.throws(() => navigation(`## One\n${item}\n`), /an item must be/, item);
  }
  assert.throws(() => navigation("- [A](a.md)\n"), /in a group/);
  assert.throws(() => navigation("### Part\n"), /must begin with a heading of level 2/);
});
