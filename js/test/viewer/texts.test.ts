/** Each language has all texts of English, with the same slots. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";

const FOLDER = new URL("../../packages/ui/src/viewer/texts/", import.meta.url);
const languages = readdirSync(FOLDER).filter((name) => /^[a-z]+\.json$/.test(name));
const read = (name: string) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

/** Returns the slots of each text by its path, with `*` for any number of texts in a list. */
function slots(json: unknown, path = ""): [string, string][] {
  if (typeof json === "string") {
    return [
      [
        path,
        [...json.matchAll(/\{#?\w+\}|\[\w+\]/g)]
          .map(([slot]) => slot)
          .sort()
          .join(" "),
      ],
    ];
  }
  const named = Array.isArray(json) ? json.map((one) => ["*", one] as const) : Object.entries(json as object);
  return named.flatMap(([name, value]) => slots(value, `${path}.${name}`));
}

for (const name of languages.filter((name) => name !== "en.json")) {
  test(`${name}: has the texts of English`, () => {
    assert.deepEqual(Object.fromEntries(slots(read(name)).sort()), Object.fromEntries(slots(read("en.json")).sort()));
  });
}

/** Returns the paths of texts whose form depends on a number. */
function plurals(json: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return [];
  }
  return "other" in json ? [path] : Object.entries(json).flatMap(([name, value]) => plurals(value, [...path, name]));
}

test("plural forms: are texts, even without the number", () => {
  for (const [texts, name] of [
    [en, "en.json"],
    [de, "de.json"],
  ] as const) {
    for (const path of plurals(read(name))) {
      const counting = path.reduce<unknown>((all, member) => (all as Record<string, unknown>)[member], texts);
      for (const [count, form] of [
        [1, "one"],
        [2000, "other"],
      ] as const) {
        const text = (counting as (count: number) => unknown)(count);
        const written = path.concat(form).reduce((all, member) => all[member], read(name));
        const filled = written.replace(/\{#\w+\}/, texts.figures.count(count));
        assert.equal(text, filled, `${name}: ${path.join(".")}, ${count}`);
      }
    }
  }
});

const CORE = new URL("../../../", import.meta.url);
const rust = (path: string) => readFileSync(new URL(path, CORE), "utf8");

/**
 * Returns every sentence of the core by code: those of its tables, the hints of its findings, and those with values.
 */
function saidByCore(): Map<string, string> {
  const tables = ["src/phrases.rs", "crates/query/src/phrases.rs"].flatMap((path) => [
    ...rust(path).matchAll(/^ {4}[A-Z0-9_]+ "([a-z0-9_.]+)" "((?:[^"\\]|\\.)*)";$/gm),
  ]);
  const hints = [
    ...rust("src/verify/finding.rs").matchAll(/^ {4}\w+ "(\w+\.\w+)" \w+\n\s+"((?:[^"\\]|\\.)*)";$/gm),
  ].map(([all, code = "", english = ""]) => [all, `hint.${code}`, english]);
  const checks = readdirSync(new URL("src/verify/", CORE)).filter((name) => name.endsWith(".rs"));
  const sentences = checks.flatMap((name) => [
    ...rust(`src/verify/${name}`).matchAll(/\bsay!\(\s*"([a-z0-9_.]+)",\s*"((?:[^"\\]|\\.)*)"/g),
  ]);
  assert.ok(tables.length > 200 && hints.length > 40 && sentences.length > 40);
  const all = [...tables, ...hints, ...sentences].map(([, code = "", english = ""]) => [code, english] as const);
  assert.equal(new Set(all.map(([code]) => code)).size, all.length, "a code stands for two sentences");
  return new Map(all);
}

test("core sentences: are translated into each language with all their values", () => {
  const names = (text: string) => [...text.matchAll(/\{#?(\w+)\}/g)].map(([, name]) => name).sort();
  const english = [...saidByCore()].map(([code, text]) => [code, names(text)] as const);
  for (const name of readdirSync(FOLDER).filter((name) => name.startsWith("core.") && name.endsWith(".json"))) {
    const language = Object.entries<string>(read(name)).map(([code, text]) => [code, names(text)] as const);
    assert.deepEqual(Object.fromEntries(language.sort()), Object.fromEntries(english.sort()), name);
  }
});

/** Groups whose texts are selected by words of the core, of errors, or of queries. */
const CHOSEN = /^(failures|query\.members|result\.codes|rows\.proof\.facts)\./;

test("texts: each text is used", () => {
  const sources = ["js/packages/ui/src/", "js/packages/viewer/src/", "www/src/", "www/console/"].map(
    (name) => new URL(name, CORE),
  );
  const used = sources.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !/(^|\/)texts\//.test(name))
      .flatMap((name) => readFileSync(new URL(name, folder), "utf8").match(/\w+/g) ?? []),
  );
  const words = new Set([...used, "one", "other", "*"]);
  const unused = slots(read("en.json"))
    .map(([path]) => path.slice(1))
    .filter((path) => !CHOSEN.test(path) && path.split(".").some((name) => !words.has(name)));
  assert.deepEqual(unused, []);
});

test("slots: are filled in each language's order, with its own digit grouping", () => {
  assert.equal(en.rows.list.gapEntries({ first: 1000, last: 2000 }), "entries 1,000 to 2,000");
  // @ts-expect-error: two numbers by place could be swapped.
  assert.notEqual(en.rows.list.gapEntries(1000, 2000), "entries 1,000 to 2,000");
  assert.equal(de.rows.list.gapEntries({ first: 1000, last: 2000 }), "Einträge 1.000 bis 2.000");
  assert.equal(en.query.filtered({ of: "2 events", events: "1" }), "Showing 1 of 2 events.");
  assert.deepEqual([1, 2, 1000].map(en.figures.entries), ["1 entry", "2 entries", "1,000 entries"]);
  assert.deepEqual([1, 2, 1000].map(de.figures.entries), ["1 Eintrag", "2 Einträge", "1.000 Einträge"]);
  assert.equal(
    de.result.changedOne(de.figures.events(74)),
    "74 Ereignisse, davon wurde 1 nach der Signatur verändert.",
  );
  assert.equal(de.query.filtered({ of: de.figures.events(74), events: "3" }), "74 Ereignisse, davon 3 gezeigt.");
  assert.equal(en.strip.atLine("{line} $& $1"), "Line {line} $& $1", "slots in values aren't filled");
});
