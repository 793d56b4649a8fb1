import assert from "node:assert/strict";
import { test } from "node:test";
import { type Json, member, written } from "../../packages/ui/dist/viewer/parts/json-view.js";
import { parseJson } from "./tree.ts";

const literal = (source: string): Json => ({ kind: "literal", source });
const string = (value: string): Json => ({ kind: "string", value });

test("json: numbers keep their digits", () => {
  const { items } = parseJson("[9007199254740993, 1.10, -0, 1e400]") as Extract<Json, { kind: "array" }>;
  assert.deepEqual(items, [literal("9007199254740993"), literal("1.10"), literal("-0"), literal("1e400")]);
});

test("json: strings are unescaped", () => {
  assert.deepEqual(parseJson(String.raw`"a\"\\\n\u00e9\ud83d\ude00"`), string('a"\\\né😀'));
});

test("json: fields keep their order, and any name is a plain name", () => {
  const json = parseJson('{"b":1,"__proto__":{"action":"x"},"constructor":true,"a":null}');
  assert.equal(json.kind, "object");
  const names = json.kind === "object" ? json.members.map(([name]) => name) : [];
  assert.deepEqual(names, ["b", "__proto__", "constructor", "a"]);
  assert.equal(member(json, "action"), undefined);
  assert.equal(member(json, "toString"), undefined);
  assert.deepEqual(member(json, "constructor"), literal("true"));
  assert.deepEqual(member(member(json, "__proto__"), "action"), string("x"));
});

test("json: whitespace is skipped", () => {
  assert.deepEqual(parseJson(' \t\r\n{ "a" : [ 1 , { } ] } '), parseJson('{"a":[1,{}]}'));
});

test("json: invalid text is rejected", () => {
  for (const text of ["", "{", "[1,]", '{"a":1,}', "01", "nul", "'a'", '"a', '"\\x"', "1 2", "[1}"]) {
    assert.throws(() => parseJson(text), SyntaxError, text);
  }
});

test("json: parses a string as long as an event may be", () => {
  const json = parseJson(`"${"a\\n".repeat(80_000)}"`);
  assert.equal(json.kind === "string" && json.value.length, 160_000);
});

test("written: returns a value as it was written", () => {
  const text = '{"b":[1.10,{}],"a":"\\"","a":null}';
  assert.equal(written(parseJson(text)), text);
});
