import assert from "node:assert/strict";
import { test } from "node:test";
import type { Judged, Report } from "countersign/verify";
import { answersOf } from "../../src/state/answers.ts";
import { vector } from "../page/vectors.ts";

/** What each vector's report says, of which chains those named are in doubt. */
const judged = (name: string, doubts: Judged["doubts"] = []) => ({
  report: vector(name).report as unknown as Report,
  doubts,
});

for (const [name, unchanged, signed, complete] of [
  ["large-whole", "yes", "yes", "yes"],
  ["plain-closed", "yes", "yes", "yes"],
  ["flip-event", "no", "yes", "open"],
  ["fork", "no", "yes", "open"],
  ["key-granted-too-late", "yes", "open", "open"],
  ["filter-one-chain", "yes", "yes", "partly"],
  ["large-filter-by-content", "yes", "yes", "partly"],
  ["key-revoked", "no", "no", "open"],
  ["empty-file", "open", "open", "open"],
  // What isn't here is not changed.
  ["truncated-mid-line", "open", "yes", "open"],
  ["gzip-cut-in-the-middle", "open", "open", "open"],
  ["log-range-beyond", "yes", "yes", "no"],
  ["quorum-missed", "yes", "open", "open"],
  ["drop-tail-mid-stretch", "open", "open", "open"],
  ["key-suspect", "yes", "open", "open"],
] as const) {
  test(`${name}: unchanged ${unchanged}, signed ${signed}, complete ${complete}`, () => {
    const answers = answersOf(judged(name));
    assert.deepEqual(
      [answers.unchanged.is, answers.signed.is, answers.complete.is],
      [unchanged, signed, complete],
    );
  });
}

test("a file that can't be read is not said to be empty", () => {
  const { unchanged, signed, complete } = answersOf(judged("gzip-cut-in-the-middle"));
  const why = [unchanged, signed, complete].map((answer) => "why" in answer && answer.why);
  assert.deepEqual(why, ["unread", "unread", "unread"]);
});

test("what only a pin contradicts is told apart from what was changed", () => {
  const why = (name: string) => {
    const { unchanged } = answersOf(judged(name));
    return unchanged.is === "no" ? unchanged.why : unchanged.is;
  };
  assert.deepEqual(["pin-split-view", "flip-event", "fork"].map(why), ["history", "events", "order"]);
});

test("why nobody can tell who signed is said", () => {
  const why = (name: string, doubts: Judged["doubts"]) => {
    const { signed } = answersOf(judged(name, doubts));
    return signed.is === "open" && signed.why;
  };
  assert.equal(why("key-suspect", ["ab".repeat(16)]), "suspect");
  assert.equal(why("key-late", "all"), "suspect");
  assert.equal(why("plain-no-trust", []), "unknown");
});
