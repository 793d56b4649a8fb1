/** Comparison of a trust file's keys with those that signed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareTrust } from "../../packages/ui/dist/viewer/session/trust-compared.js";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import {
  comparedNames,
  comparedNext,
  comparedWords,
} from "../../packages/ui/dist/viewer/verdict/trust-compared-view.js";
import { verdictWords } from "../../packages/ui/dist/viewer/verdict/verdict.js";

const PUBLIC = "ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
const key = (name: string, id = "5cc3cc17") => `${name}+${id}+${PUBLIC}`;
type ComparisonInput = Parameters<typeof compareTrust>[0];

function compare(trust: string | undefined, signers: readonly [vkey: string, trust: string][], more: object = {}) {
  const {
    signatures = [],
    counts = {},
    log = "pass",
    origin = "log.example/a",
    ...rest
  } = more as Record<string, never>;
  const report = {
    origin,
    signers: signers.map(([vkey, trust]) => ({ vkey, trust })),
    finding_counts: counts,
    checks: { log: { state: log } },
  };
  const checkpoints = [{ origin, signatures }];
  return compareTrust({ report, marks: { checkpoints, notes: [] }, trust, ...rest } as unknown as ComparisonInput);
}

const untrusted = (vkey: string) => [vkey, "untrusted"] as [string, string];

test("compareTrust: is silent without a trust file, or if it vouches for all", () => {
  assert.equal(comparedWords(compare(undefined, [untrusted(key("a"))]), en), "");
  assert.equal(comparedWords(compare(`emitter ${key("a")}\n`, [[key("a"), "trust_file"]]), en), "");
  // The trust file may name more keys than signed here.
  const wide = `log ${key("x")}\nemitter ${key("a")}\nemitter ${key("b")}\n`;
  assert.equal(comparedWords(compare(wide, [[key("a"), "trust_file"]]), en), "");
});

test("compareTrust: names both sides if no key signed, in each language", () => {
  // A key on two lines counts once.
  const trust = `log ${key("other.example")}\nissuer ${key("issuer.example")}\nemitter ${key("other.example")}\n`;
  const none = compare(trust, [untrusted(key("example.com/app"))], { trustName: "trust.txt" });
  assert.equal(none?.result, "none");
  assert.equal(
    comparedWords(none, en),
    "None of the 2 keys in trust.txt signed this file. The trust file names other.example and issuer.example; the file is signed by example.com/app.",
  );
  assert.equal(
    comparedWords(none, de),
    "Keiner der 2 Schlüssel in trust.txt hat diese Datei signiert. Die Vertrauensdatei nennt other.example und issuer.example; signiert ist die Datei von example.com/app.",
  );
  const live = compare(`emitter ${key("b")}\n`, [untrusted(key("a"))], { isLive: true });
  assert.match(comparedWords(live, en), /^The only key in your trust file did not sign this log\./);
});

test("compareTrust: distinguishes keys with the same name and another ID", () => {
  const compared = compare(`emitter ${key("a", "00000000")}\n`, [untrusted(key("a"))]);
  assert.deepEqual([compared?.result, compared?.given[0]?.matches], ["none", false]);
  const live = compare(`log ${key("localhost/dev", "00000000")}\nemitter ${key("b")}\n`, [], {
    isLive: true,
    log: "not_checked",
    counts: { "log.unknown": 1 },
    origin: "localhost/dev",
    signatures: [{ name: "localhost/dev", id: "5cc3cc17", by: "unknown" }],
  });
  assert.equal(
    comparedNames(live ?? assert.fail(), en),
    "The trust file names localhost/dev (00000000) and b; the log is signed by localhost/dev (5cc3cc17).",
  );
  assert.match(comparedNext(live, en), /The keys have the same names but different key IDs\. .*created again/);
  assert.match(comparedNext(live, de), /Die Schlüssel heißen gleich, haben aber verschiedene Schlüssel-IDs\./);
  const others = compare(`emitter ${key("b", "00000000")}\n`, [untrusted(key("a"))]);
  assert.doesNotMatch(comparedNext(others, en), /same names/);
});

test("compareTrust: knows a key that signed in another role", () => {
  const compared = compare(`log ${key("a")}\n`, [untrusted(key("a"))]);
  assert.deepEqual(
    [compared?.result, compared?.given[0]?.matches, compared?.signed[0]?.matches],
    ["some", true, false],
  );
});

test("compareTrust: names the untrusted key of a tenant log's root log", () => {
  const names = ["log.example/t/a", "log.example", "stranger.example/witness"];
  const signatures = names.map((name) => ({ name, id: "11111111", by: "unknown" }));
  const origin = `log.example/t/a/t/${"ac".repeat(16)}`;
  const compared = compare(`emitter ${key("a")}\n`, [[key("a"), "trust_file"]], { signatures, origin });
  assert.deepEqual(
    compared?.signed.map(({ role, name }) => [role, name]),
    [
      ["log", "log.example/t/a"],
      ["emitter", "a"],
    ],
  );
});

test("compareTrust: names an untrusted log key beside trusted emitters", () => {
  const signatures = [
    { name: "log.example/a", id: "11111111", by: "unknown" },
    { name: "stranger.example/witness", id: "22222222", by: "unknown" },
  ];
  const counts = { "log.unknown": 1 };
  const more = { signatures, counts, log: "not_checked", trustName: "t.txt" };
  const compared = compare(`emitter ${key("a")}\n`, [[key("a"), "trust_file"]], more);
  assert.equal(
    comparedWords(compared, en),
    "t.txt doesn’t vouch for all signers. Not among the trust file’s keys, nor granted by one of its issuers: log.example/a.",
  );
  // The source of a cosignature that the reader didn't ask for doesn't matter.
  assert.deepEqual(
    compared?.signed.map(({ name }) => name),
    ["log.example/a", "a"],
  );
});

test("comparedWords: untrusted names can't change the sentence around them", () => {
  const many = Array.from({ length: 9 }, (_, nth) => untrusted(key(`s${nth}.example`)));
  const compared = compare(`emitter ${key("b")}\n`, many, { trustName: "{file}\u202e.txt" });
  assert.equal(
    comparedWords(compared, en),
    "The only key in {file}U+202E.txt did not sign this file. The trust file names b; the file is signed by s0.example, s1.example, s2.example and 6 more.",
  );
  const hebrew = compare(`emitter ${key("b")}\n`, [untrusted(key("אבג"))], { trustName: "t" });
  assert.ok(comparedWords(hebrew, en).endsWith("signed by \u2068אבג\u2069."));
});

test("verdictWords: a trust file of which no key signed has its own headline, and says what to do", () => {
  const judged = (verdict: string, why: string | null = null) =>
    ({ report: { verdict, findings: [], finding_counts: {} }, phrases: {}, why }) as unknown as Parameters<
      typeof verdictWords
    >[0];
  const signer = [untrusted(key("example.com/app"))];
  const without = verdictWords(judged("untrusted"), en);
  const none = compare(`log ${key("x")}\nemitter ${key("b")}\n`, signer, { trustName: "trust.txt" });
  const wrong = verdictWords(judged("untrusted", "log.unknown"), en, { compared: none });
  assert.equal(without.word, "Unchanged since it was signed, but you don’t trust the signer’s key.");
  assert.equal(wrong.word, "Unchanged since it was signed, but none of the 2 keys in trust.txt signed this file.");
  assert.equal(
    wrong.says,
    "The trust file names x and b; the file is signed by example.com/app. Anyone could have made this.",
  );
  assert.match(wrong.next, /wrong trust file.*choose the trust file of this log/);
  assert.notEqual(without.next, wrong.next);
  // Witnesses of a wrong trust file didn't sign either, which alone would be the wrong reason.
  const unwitnessed = verdictWords(judged("broken", "witness.quorum"), en, { compared: none });
  assert.equal(unwitnessed.word, "None of the 2 keys in trust.txt signed this file.");
  assert.match(unwitnessed.says, /Too few witnesses\./);
  assert.equal(
    verdictWords(judged("not_checked"), en, { compared: none }).word,
    "None of the 2 keys in trust.txt signed this file.",
  );
  // A truncated or altered file comes first.
  assert.equal(verdictWords(judged("altered"), en, { compared: none }).word, "Altered.");
  const empty = compare("# nothing\n", signer);
  assert.equal(
    verdictWords(judged("untrusted"), en, { compared: empty }).word,
    "Unchanged since it was signed, but your trust file names no key.",
  );
  assert.match(comparedWords(empty, en), /^Your trust file names no key/);
  assert.equal(
    verdictWords(judged("untrusted"), de, { compared: none }).word,
    "Unverändert seit der Signatur, aber keiner der 2 Schlüssel in trust.txt hat diese Datei signiert.",
  );
});
