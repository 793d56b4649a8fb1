/** Comparison of a trust file's keys with those that signed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareTrust } from "../../packages/ui/dist/viewer/session/trust-compared.js";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { comparedWords } from "../../packages/ui/dist/viewer/verdict/trust-compared-view.js";

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
  const trust = `log ${key("other.example")}\nissuer ${key("other.example")}\n`;
  const none = compare(trust, [untrusted(key("example.com/app"))], { trustName: "trust.txt" });
  assert.equal(none?.result, "none");
  assert.equal(
    comparedWords(none, en),
    "None of the 2 keys in trust.txt signed this file. It trusts other.example; the file is signed by example.com/app.",
  );
  assert.equal(
    comparedWords(none, de),
    "Keiner der 2 Schlüssel in trust.txt hat diese Datei signiert. Vertraut wird dort other.example; signiert ist die Datei von example.com/app.",
  );
  const live = compare(`emitter ${key("b")}\n`, [untrusted(key("a"))], { isLive: true });
  assert.match(comparedWords(live, en), /^The only key in your trust file did not sign this log\./);
});

test("compareTrust: distinguishes keys with the same name and another ID", () => {
  const compared = compare(`emitter ${key("a", "00000000")}\n`, [untrusted(key("a"))]);
  assert.deepEqual([compared?.result, compared?.given[0]?.matches], ["none", false]);
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
    "t.txt doesn’t vouch for all signers. Not among its keys, nor granted by one of its issuers: log.example/a.",
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
    "The only key in {file}U+202E.txt did not sign this file. It trusts b; the file is signed by s0.example, s1.example, s2.example and 6 more.",
  );
  const hebrew = compare(`emitter ${key("b")}\n`, [untrusted(key("אבג"))], { trustName: "t" });
  assert.ok(comparedWords(hebrew, en).endsWith("signed by \u2068אבג\u2069."));
});
