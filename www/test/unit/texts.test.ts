import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { TEXTS } from "../../console/texts/index.ts";
import { LANGUAGES } from "../../src/texts/index.ts";

/** Texts of other modules, which have tests of their own. */
const OTHERS = new Set(["viewer", "page"]);

/** Groups whose texts are selected by measured words. */
const CHOSEN = /^(inventory\.outcomes|exposure\.names)\./;

/** Returns the number of values that each text takes, by its path. */
function paths(texts: object, path: readonly string[] = []): (readonly [string, number])[] {
  return Object.entries(texts).flatMap(([name, text]) => {
    const at = [...path, name];
    if (path.length === 0 && OTHERS.has(name)) return [];
    if (typeof text === "function") return [[at.join("."), text.length]];
    // Lit templates count as texts.
    const isGroup = typeof text === "object" && text !== null && !("_$litType$" in text);
    return isGroup ? paths(text, at) : [[at.join("."), 0]];
  });
}

const SURFACES = { page: LANGUAGES, console: TEXTS } as const;

for (const [surface, { en, de }] of Object.entries(SURFACES)) {
  test(`texts: the ${surface} has the same texts in both languages`, () => {
    const names = (texts: object) =>
      paths(texts)
        .map(([path]) => path)
        .sort();
    assert.deepEqual(names(de), names(en));
    // A language may leave a value out, but takes no other.
    const taken = new Map(paths(en));
    for (const [path, count] of paths(de)) assert.ok(count <= (taken.get(path) ?? 0), path);
  });
}

const FOLDERS = ["src", "console", "gallery", "build"].map(
  (name) => new URL(`../../${name}/`, import.meta.url),
);

test("texts: each text is used", () => {
  const sources = FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !/(^|\/)texts\//.test(name) && !/^(de|en)\.ts$/.test(name))
      .map((name) => readFileSync(new URL(name, folder), "utf8")),
  ).join("\n");
  const words = new Set(sources.match(/\w+(?:-\w+)*/g));
  const unused = Object.entries(SURFACES).flatMap(([surface, { en }]) =>
    paths(en)
      .filter(([path]) => !CHOSEN.test(path))
      .map(([path]) => path.split(".").filter((name) => !/^\d+$/.test(name)))
      .filter((names) => names.some((name) => !words.has(name)))
      .map((names) => `${surface}: ${names.join(".")}`),
  );
  assert.deepEqual(unused, []);
});
