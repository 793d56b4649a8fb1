/** Tests forms of input that passed a guard once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { mustBeSame } from "../../packages/countersign/dist/adapters/request-host.js";
import { parseUri } from "../../packages/countersign/dist/agents/mcp/resource-uri.js";
import { parsedInput } from "../../packages/countersign/dist/agents/tool-function.js";

test("gate: a host that programs read in different ways is rejected", () => {
  for (const host of [
    "admin.example:",
    "admin.example:080",
    "admin%2eexample",
    "%61dmin.example",
    "ad\u00admin.example",
  ]) {
    assert.throws(() => mustBeSame([host]), /malformed/, host);
  }
  for (const host of ["admin.example", "admin.example:8080", "a_b.example", "192.0.2.7:80", "[2001:db8::7]:443"]) {
    mustBeSame([host, host]);
  }
});

test("gate: arguments with a member twice are malformed", () => {
  for (const text of ['{"path":"/etc/passwd","path":"/ok"}', '{"a":[{"b":1,"\\u0062":2}]}']) {
    assert.equal(parsedInput(text).malformed, "the arguments have a member twice", text);
  }
  for (const text of ['{"a":{"b":1},"c":{"b":2}}', '[{"a":1},{"a":2}]', '{"a":"\\"b\\":1,\\"b\\":2"}', '"a"']) {
    assert.equal(parsedInput(text).malformed, undefined, text);
  }
});

test("gate: a resource is judged by the URI that servers look up", () => {
  assert.equal(parseUri("https://vault.example")?.id, "https://vault.example/");
  assert.equal(parseUri("https://vault.example?x")?.id, "https://vault.example/");
  assert.equal(parseUri("vault://keys/a")?.id, "vault://keys/a");
});
