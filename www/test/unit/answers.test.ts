import assert from "node:assert/strict";
import { test } from "node:test";
import type { Judged, Report } from "countersign/verify";
import { answersOf } from "../../src/state/answers.ts";
import { vector } from "../page/vectors.ts";

/** Expected answers to each vector's report, given the chains in doubt. */
const judged = (name: string, doubts: Judged["doubts"] = []) => ({
  report: vector(name).report as unknown as Report,
  doubts,
});

for (const [name, unchanged, signed, complete] of [
  ["large-whole", "yes", "yes", "yes"],
  ["plain-closed", "yes", "yes", "partly"],
  ["range-complete-without-log-line", "yes", "partly", "open"],
  ["flip-event", "no", "yes", "open"],
  ["fork", "no", "yes", "open"],
  ["key-granted-too-late", "yes", "open", "open"],
  ["filter-one-chain", "yes", "yes", "partly"],
  ["large-filter-by-content", "yes", "yes", "partly"],
  ["key-revoked", "no", "no", "open"],
  ["empty-file", "open", "open", "open"],
  // Missing entries aren't changed ones.
  ["truncated-mid-line", "open", "yes", "open"],
  ["gzip-cut-in-the-middle", "open", "open", "open"],
  ["log-range-beyond", "yes", "yes", "no"],
  ["quorum-missed", "yes", "open", "open"],
  ["drop-tail-mid-stretch", "open", "open", "open"],
  ["key-suspect", "yes", "open", "open"],
  // The signature on a head with an error isn't checked.
  ["tenant-wrong-salt", "no", "open", "open"],
  ["tenant-growth-after-the-end", "no", "open", "open"],
] as const) {
  test(`answers: ${name}: unchanged ${unchanged}, signed ${signed}, complete ${complete}`, () => {
    const answers = answersOf(judged(name));
    assert.deepEqual(
      [answers.unchanged.is, answers.signed.is, answers.complete.is],
      [unchanged, signed, complete],
    );
  });
}

test("answers: a file without entries isn't said to be unchanged", () => {
  const { unchanged } = answersOf(judged("header-only"));
  assert.deepEqual(unchanged, { is: "open", why: "empty" });
});

test("answers: an unreadable file isn't empty", () => {
  const { unchanged, signed, complete } = answersOf(judged("gzip-cut-in-the-middle"));
  const why = [unchanged, signed, complete].map((answer) => "why" in answer && answer.why);
  assert.deepEqual(why, ["unread", "unread", "unread"]);
});

test("answers: a contradiction with a pin isn't a change of the content", () => {
  const why = (name: string) => {
    const { unchanged } = answersOf(judged(name));
    return unchanged.is === "yes" ? unchanged.is : unchanged.why;
  };
  assert.deepEqual(["pin-split-view", "flip-event", "fork"].map(why), ["history", "events", "order"]);
  assert.equal(why("pin-rollback"), "older");
  const ofHeads = ["tenant-root-split", "tenant-growth-after-the-end", "tenant-wrong-salt"].map(why);
  assert.deepEqual(ofHeads, ["history", "history", "other"]);
});

test("answers: say why it can't be determined who signed", () => {
  const why = (name: string, doubts: Judged["doubts"]) => {
    const { signed } = answersOf(judged(name, doubts));
    return signed.is === "open" && signed.why;
  };
  assert.equal(why("key-suspect", ["ab".repeat(16)]), "suspect");
  assert.equal(why("key-late", "all"), "suspect");
  assert.equal(why("plain-no-trust", []), "unknown");
});
