import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldDifferences } from "../../src/state/field-differences.ts";

const line = (event: string, link = "l1") => `{"link":"${link}","event":${event}}`;
const differences = (one: string, other: string, ...links: string[]) =>
  fieldDifferences(line(one, links[0]), line(other, links[1]))?.map(({ path, one, other }) => [
    path,
    one,
    other,
  ]);

test("fieldDifferences: names each field that differs, with both values", () => {
  assert.deepEqual(differences('{"metadata":{"to":36,"from":24}}', '{"metadata":{"to":30,"from":24}}'), [
    ["metadata.to", "36", "30"],
  ]);
  assert.deepEqual(differences('{"roles":["a","b"],"x":1}', '{"roles":["a","c"]}'), [
    ["roles[1]", "b", "c"],
    ["x", "1", undefined],
  ]);
  // Strings have quotes only beside another type, so that they can be told apart.
  assert.deepEqual(differences('{"n":"36"}', '{"n":36}'), [["n", '"36"', "36"]]);
  assert.deepEqual(differences("{}", '{"n":null}'), [["n", undefined, "null"]]);
});

test("fieldDifferences: lists fields of the event before the rest of the line", () => {
  assert.deepEqual(differences('{"n":1}', '{"n":2}', "l1", "l2"), [
    ["n", "1", "2"],
    ["link", "l1", "l2"],
  ]);
});

test("fieldDifferences: keeps digits that a number would lose", () => {
  assert.deepEqual(differences('{"id":9007199254740993}', '{"id":9007199254740992}'), [
    ["id", "9007199254740993", "9007199254740992"],
  ]);
});

test("fieldDifferences: cuts long values around the difference", () => {
  const long = "x".repeat(1000);
  const [[, one = "", other = ""] = []] = differences(`{"t":"${long}a"}`, `{"t":"${long}b"}`) ?? [];
  assert.match(one ?? "", /^…x+a$/);
  assert.match(other ?? "", /^…x+b$/);
  assert.ok((one ?? "").length < 200);
});

test("fieldDifferences: tells equal fields from lines that can't be compared", () => {
  assert.deepEqual(differences('{"a":1,"b":2}', '{"b":2, "a":1}'), []);
  assert.equal(fieldDifferences(line("{}"), "{broken"), undefined);
  assert.equal(fieldDifferences("", line("{}")), undefined);
});
