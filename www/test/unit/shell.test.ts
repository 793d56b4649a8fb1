import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { command, path, quote } from "../../src/shell.ts";

const NAMES = [
  "plain.ndjson",
  "two words",
  "it's",
  "$(reboot)",
  "`id`",
  'say "hi"',
  "a;b&c|d",
  "*?[x]",
  "~root",
  "#x",
  "é\\n",
];

test("quote: a shell reads the word as it was", () => {
  for (const name of NAMES) {
    assert.equal(execFileSync("sh", ["-c", `printf %s ${quote(name)}`], { encoding: "utf8" }), name);
  }
});

test("quote: leaves no character that a terminal might act on", () => {
  const name = "a\u001b[2J\r\n'\\\u202e7é";
  assert.match(quote(name), /^[ -~]+$/);
  assert.equal(execFileSync("bash", ["-c", `printf %s ${quote(name)}`], { encoding: "utf8" }), name);
});

test("path: no file name is taken for an option", () => {
  assert.equal(path("-rf.ndjson"), "./-rf.ndjson");
  assert.equal(path("--json"), "./--json");
});

test("command: names the files and nothing else", () => {
  assert.equal(command("a.ndjson", undefined, []), "countersign verify a.ndjson");
  assert.equal(
    command("my log.ndjson", "trust.txt", ["p 1", "p2"]),
    "countersign verify 'my log.ndjson' --trust trust.txt --pin 'p 1' --pin p2",
  );
});
