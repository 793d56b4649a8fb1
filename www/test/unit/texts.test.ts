import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { TEXTS } from "../../console/texts/index.ts";
import { LANGUAGES } from "../../src/texts/index.ts";

/** Texts that belong to others, which have tests of their own. */
const OTHERS = new Set(["viewer", "page"]);

/** Groups whose texts are chosen by words of what was measured. */
const CHOSEN = /^(inventory\.outcomes|exposure\.names)\./;

/** Each text by its path, with how many values it takes. */
function paths(texts: object, path: readonly string[] = []): (readonly [string, number])[] {
  return Object.entries(texts).flatMap(([name, text]) => {
    const at = [...path, name];
    if (path.length === 0 && OTHERS.has(name)) return [];
    if (typeof text === "function") return [[at.join("."), text.length]];
    // Templates of Lit are texts.
    const isGroup = typeof text === "object" && text !== null && !("_$litType$" in text);
    return isGroup ? paths(text, at) : [[at.join("."), 0]];
  });
}

const SURFACES = { page: LANGUAGES, console: TEXTS } as const;

for (const [surface, { en, de }] of Object.entries(SURFACES)) {
  test(`the ${surface} says the same in both languages`, () => {
    const names = (texts: object) =>
      paths(texts)
        .map(([path]) => path)
        .sort();
    assert.deepEqual(names(de), names(en));
    // A language can leave a value out, and takes no other.
    const taken = new Map(paths(en));
    for (const [path, count] of paths(de)) assert.ok(count <= (taken.get(path) ?? 0), path);
  });
}

const FOLDERS = ["src", "console", "gallery", "build"].map(
  (name) => new URL(`../../${name}/`, import.meta.url),
);

test("each text is used", () => {
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
