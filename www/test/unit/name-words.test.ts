import assert from "node:assert/strict";
import { test } from "node:test";
import { ordersOf, searchableWords, sharedWords } from "../../src/evidence/name-words.ts";

test("name words: words are searched alone, but not the pieces of an ID or an address", () => {
  assert.deepEqual(searchableWords("role change"), ["role", "change"]);
  assert.deepEqual(searchableWords("Lopez,  Maria"), ["Lopez", "Maria"]);
  assert.deepEqual(searchableWords("user 12"), ["user", "12"]);
  assert.deepEqual(searchableWords("change:role"), ["change", "role"]);
  for (const name of ["role", "u-2", "user-12", "10.0.0.0/8", "a b c d e", "role role", " . ", "2001:db8::7"])
    assert.equal(searchableWords(name), undefined, name);
});

test("name words: all orders are searched, as typed first", () => {
  assert.deepEqual(ordersOf(["a", "b"]), [
    ["a", "b"],
    ["b", "a"],
  ]);
  assert.equal(new Set(ordersOf(["a", "b", "c", "d"]).map(String)).size, 24);
});

test("name words: forms of a word are shared, words that only begin alike aren't", () => {
  assert.equal(sharedWords("change settings", "log.settings.update"), 1 / 2);
  assert.equal(sharedWords("roles changed", "Role_Change"), 1);
  assert.equal(sharedWords("settings", "setting.read"), 1);
  for (const [one, other] of [
    ["control", "contact"],
    ["log", "login"],
    ["change", "chat"],
    ["", "x"],
  ] as const)
    assert.equal(sharedWords(one, other), 0, one);
});
