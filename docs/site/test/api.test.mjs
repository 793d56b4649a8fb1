/** Tests the reference of the npm packages: each export of each entry point is there, with readable docs. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { entries } from "../src/entries.mjs";
import { PAGES, PROJECT } from "../src/paths.mjs";

const all = entries();
const source = (path) => readFileSync(PROJECT + path, "utf8");
const page = (path) => readFileSync(PAGES + path, "utf8");

/** Returns the names that a module exports itself, or lists from others. */
function exportedNames(text) {
  const listed = [...text.matchAll(/^export (?:type )?\{([^}]+)\}/gm)].flatMap(([, names]) =>
    names.split(","),
  );
  const declared = [...text.matchAll(/^export (?:const|function|class|interface|type) (\w+)/gm)].map(
    ([, name]) => name,
  );
  return [...listed.map((name) => name.replace(/\btype\b/, "").trim()), ...declared].filter(
    (name) => name !== "",
  );
}

test("entry points are found", () => {
  const specifiers = all.map(({ specifier }) => specifier);
  for (const specifier of [
    "countersign",
    "countersign/hono",
    "countersign/read",
    "countersign/verify",
    "@countersign/viewer",
    "@countersign/cloudflare-log",
  ]) {
    assert.ok(specifiers.includes(specifier), specifier);
  }
  assert.ok(!specifiers.includes("countersign/verify/worker"), "a module without exports");
});

test("docs/javascript-api.md lists each entry point, by its source", () => {
  const list = source("docs/javascript-api.md");
  assert.deepEqual(
    all.filter(({ specifier, source }) => !list.includes(`[\`${specifier}\`](../${source})`)),
    [],
  );
});

for (const { specifier, source: path, page: made } of all) {
  test(`${specifier}: each export is on its page`, () => {
    const text = page(made);
    assert.ok(text.startsWith(`# ${specifier}\n\n`), "the title");
    assert.doesNotMatch(text.split("\n")[2], /^#/, "what the entry point is for");
    const missing = exportedNames(source(path)).filter(
      (name) => !new RegExp(`^(?:### ${name}\\b|- \\[${name}\\])`, "m").test(text),
    );
    assert.deepEqual(missing, []);
  });
}

test("options have their default and their example", () => {
  const option = page("api/countersign/read.md").split("##### timeoutMs?\n")[1]?.split("\n##### ")[0];
  assert.match(option ?? "", /\n\*\*Default:\*\* 60000\n\n```ts\ntimeoutMs: \d/);
});

test("tags of docs aren't shown as they are", () => {
  const shown = all.filter(({ page: made }) =>
    /\{@|^@\w+|^#+ (?:Default|Example|Inherited from)$/m.test(page(made)),
  );
  assert.deepEqual(shown, []);
});
