import assert from "node:assert/strict";
import { test } from "node:test";
import { similarity } from "../../src/evidence/similarity.ts";

test("similarity: is high for a name with a mistake, and low for another name", () => {
  for (const [typed, name] of [
    ["document.veiw", "document.view"],
    ["logn", "login"],
    ["Maria Lopes", "maria lopez"],
  ] as const)
    assert.ok(similarity(typed, name) >= 0.5, `${typed} ${similarity(typed, name)}`);
  for (const [typed, name] of [
    ["login", "role.grant"],
    ["x", "login"],
    ["", ""],
  ] as const)
    assert.ok(similarity(typed, name) < 0.3, `${typed} ${similarity(typed, name)}`);
  assert.equal(similarity("login", "LOGIN"), 1);
});

test("similarity: leaves out the domain of email addresses", () => {
  const typed = "mari.silva@acme.example";
  assert.ok(similarity(typed, "maria.silva@acme.example") > 0.8);
  assert.ok(similarity(typed, "Maria Silva (maria.silva@acme.example)") > 0.3);
  assert.ok(similarity(typed, "tom.becker@acme.example") < 0.2);
  assert.ok(similarity(typed, "mari.silva@other.example") === 1);
  // A domain alone is still a name.
  assert.ok(similarity("@acme.example", "@acme.example") === 1);
});
