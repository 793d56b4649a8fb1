import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CountersignError, type ErrorCode } from "countersign";
import { consoleReporter } from "../packages/countersign/dist/error.js";

test("CountersignError: shows only fields with a value", () => {
  const bare = new CountersignError("options.invalid", "no");
  assert.doesNotMatch(inspect(bare), /undefined/);
  assert.deepEqual([bare.hint, bare.line, bare.member], [undefined, undefined, undefined]);
  const { hint, line, member } = new CountersignError("options.invalid", "no", { hint: "h", line: 0, member: "" });
  assert.deepEqual({ hint, line, member }, { hint: "h", line: 0, member: "" });
});

test("CountersignError: its JSON has the message, without stack and cause", () => {
  const error = new CountersignError("options.invalid", "no", { hint: "h", cause: new Error("c") });
  const json = { name: "CountersignError", code: "options.invalid", hint: "h", message: "no" };
  assert.deepEqual(JSON.parse(JSON.stringify(error)), json);
});

test("console reporter: doesn't repeat the same code in a row", () => {
  const lines: string[] = [];
  const write = consoleReporter("a request: ", (line) => void lines.push(line));
  const failed = (code: ErrorCode, message: string) => write(new CountersignError(code, message));
  failed("watchlist.unreachable", "status 500");
  failed("watchlist.unreachable", "status 502");
  failed("watchlist.stale", "there is none");
  failed("watchlist.unreachable", "status 500");
  assert.deepEqual(lines, [
    "countersign: a request: watchlist.unreachable: status 500",
    "countersign: a request: watchlist.stale: there is none",
    "countersign: a request: watchlist.unreachable: status 500",
  ]);
});
