import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CountersignError } from "countersign";

test("an error shows the members that have a value, and no others", () => {
  const bare = new CountersignError("options.invalid", "no");
  assert.doesNotMatch(inspect(bare), /undefined/);
  assert.deepEqual([bare.hint, bare.line, bare.member], [undefined, undefined, undefined]);
  const { hint, line, member } = new CountersignError("options.invalid", "no", { hint: "h", line: 0, member: "" });
  assert.deepEqual({ hint, line, member }, { hint: "h", line: 0, member: "" });
});
