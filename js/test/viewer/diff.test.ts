/** Differences between two values. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, difference } from "../../packages/ui/dist/viewer/drawer/diff.js";
import { written } from "../../packages/ui/dist/viewer/parts/json-view.js";
import { parseJson } from "./tree.ts";

function changes(before: string, after: string): string[] {
  const shown = ({ kind, path, before, after }: Change) => {
    const from = before === undefined ? "" : written(before);
    const to = after === undefined ? "" : written(after);
    return `${kind} ${path.join("/")} ${from}>${to}`;
  };
  return difference(parseJson(before), parseJson(after)).changes.map(shown);
}

test("difference: reports added, removed, and changed fields, also in nested objects", () => {
  assert.deepEqual(changes('{"a":1,"b":{"c":2,"d":3},"e":4}', '{"b":{"c":5,"d":3,"x":6},"e":4,"f":null}'), [
    "removed a 1>",
    "changed b/c 2>5",
    "added b/x >6",
    "added f >null",
  ]);
});

test("difference: counts equal fields", () => {
  assert.equal(difference(parseJson('{"a":1,"b":{"c":2}}'), parseJson('{"a":1,"b":{"c":2}}')).same, 2);
});

test("difference: compares numbers and strings as written", () => {
  assert.deepEqual(changes('{"n":9007199254740993}', '{"n":9007199254740992}'), [
    "changed n 9007199254740993>9007199254740992",
  ]);
  assert.deepEqual(changes('{"n":1}', '{"n":"1"}'), ['changed n 1>"1"']);
  assert.deepEqual(changes('{"n":1}', '{"n":1.0}'), ["changed n 1>1.0"]);
});

test("difference: treats null as an object without fields", () => {
  assert.deepEqual(changes("null", '{"a":1}'), ["added a >1"]);
  assert.deepEqual(changes('{"a":1}', "null"), ["removed a 1>"]);
  assert.deepEqual(changes("null", "null"), []);
  assert.deepEqual(changes("null", "5"), ["changed  null>5"]);
});

test("difference: matches array items that moved", () => {
  assert.deepEqual(changes('["a","b","c"]', '["a","x","b","c"]'), ['added [1] >"x"']);
  assert.deepEqual(changes('["a","b","c"]', '["b","c"]'), ['removed [0] "a">']);
  assert.deepEqual(changes('[{"id":1,"v":1},{"id":2}]', '[{"id":1,"v":2},{"id":2}]'), ["changed [0]/v 1>2"]);
});

test("difference: treats names as plain names and duplicates separately", () => {
  assert.deepEqual(changes('{"__proto__":1,"constructor":1}', '{"__proto__":2,"constructor":1}'), [
    "changed __proto__ 1>2",
  ]);
  assert.deepEqual(changes('{"a":1,"a":2}', '{"a":1,"a":3}'), ["changed a 2>3"]);
  assert.deepEqual(changes('{"a":1}', '{"a":1,"a":1}'), ["added a >1"]);
  assert.deepEqual(changes('{"":1}', '{"":2}'), ["changed  1>2"]);
});

test("difference: compares very long arrays by position", () => {
  const long = (from: number) => `[${Array.from({ length: 5_000 }, (_, place) => place + from).join()}]`;
  assert.equal(difference(parseJson(long(0)), parseJson(long(1))).changes.length, 5_000);
});
