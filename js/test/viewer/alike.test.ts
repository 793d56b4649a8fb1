import assert from "node:assert/strict";
import { test } from "node:test";
import { disguised, lookAlikes } from "../../packages/ui/dist/viewer/parts/value-alike.js";

const marked = (text: string) =>
  disguised(text)
    .map((part) => (part.isMarked ? `[${part.text}]` : part.text))
    .join("");

test("disguised: marks a lookalike letter only in a Latin word", () => {
  assert.equal(marked("pаypal"), "p[а]ypal");
  assert.equal(marked("аction by рeter"), "[а]ction by [р]eter");
  assert.equal(marked("Привет мир"), "Привет мир");
  assert.equal(marked("καλημέρα world"), "καλημέρα world");
  assert.equal(marked("日本 Jürgen"), "日本 Jürgen");
});

test("lookAlikes: reports names that look alike", () => {
  assert.deepEqual([...lookAlikes(["action", "аction"])], [["аction", "action"]]);
  assert.deepEqual([...lookAlikes(["аctоr"])], [["аctоr", "actor"]]);
  assert.deepEqual([...lookAlikes(["own", "own\u200b"])], [["own\u200b", "own"]]);
  assert.deepEqual([...lookAlikes(["ｉｄ"])], [["ｉｄ", "id"]]);
  assert.deepEqual([...lookAlikes(["асе", "ace"])], [["ace", "асе"]]);
});

test("lookAlikes: accepts common names", () => {
  assert.equal(lookAlikes(["action", "Action", "a", "b", "имя", "__proto__", "constructor"]).size, 0);
  assert.equal(lookAlikes(["same", "same"]).size, 0);
});
