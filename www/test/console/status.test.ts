/** The overview's cards and their summary: nothing reads as fine unless all of it was checked. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Check, CheckName, Judged, Report } from "countersign/verify";
import { NO_CONDITIONS } from "../../console/address.ts";
import { parseHealth } from "../../console/health.ts";
import { emittersCard, findingsCard, liveCard } from "../../console/status/activity-cards.ts";
import type { Card, CardState, StatusInput } from "../../console/status/card.ts";
import { alarmsCard, logCard, witnessesCard } from "../../console/status/log-cards.ts";
import { cardsOf, summaryOf } from "../../console/status/status-view.ts";
import { storageCard } from "../../console/status/storage-card.ts";
import { NO_STORAGE } from "../../console/storage.ts";
import { TEXTS } from "../../console/texts/index.ts";

const t = TEXTS.en;
const NOW = Date.parse("2026-11-20T12:00:00.000Z");
const PASS: Check = { state: "pass", reason: null, checked: 1, failed: 0 };
const FAIL: Check = { state: "fail", reason: null, checked: 1, failed: 1 };
const OPEN: Check = { state: "not_checked", reason: "there is no pin", checked: 0, failed: 0 };
const NAMES = [
  ...["format", "payloads", "chains", "signatures", "tree", "log", "range", "append_only"],
  ...["witnesses", "time", "closure", "expected"],
] as readonly CheckName[];

const EMITTER = "log.example/app+01234567+AZBkJ1Zz9u0Q2H6vPz3r0m0oH1bq8S9Vd4cK0l7s2w1x";
const WITNESS = "witness.example+89abcdef+BZBkJ1Zz9u0Q2H6vPz3r0m0oH1bq8S9Vd4cK0l7s2w1x";
const TRUST = `emitter ${EMITTER}\nwitness w ${WITNESS}\nquorum w\n`;

interface Case {
  readonly verdict?: Report["verdict"];
  readonly size?: number;
  readonly range?: readonly [number, number];
  readonly checks?: Partial<Record<CheckName, Check>>;
  readonly notNeeded?: readonly CheckName[];
  /** Time of the emitter's last link on that day. */
  readonly last?: string;
  readonly links?: number;
  /** Number of findings by severity. */
  readonly levels?: readonly number[];
  readonly isCovered?: boolean;
  readonly isFinal?: boolean;
  readonly seen?: boolean;
}

function judged(of: Case): Judged {
  const { verdict = "verified", size = 100, range = [0, 100], checks = {}, notNeeded = [] } = of;
  const body = {
    origin: "log.example/audit",
    checks: { ...Object.fromEntries(NAMES.map((name) => [name, PASS])), ...checks },
    counts: { events: 98, entries: range[1] - range[0], withheld: 0, skipped: 0 },
    log: { size, root: "r", time: null },
    signers: [
      {
        vkey: EMITTER,
        trust: "trust_file",
        chains: 1,
        links: of.links ?? 101,
        first: "2026-11-20T10:00:00.000Z",
        last: `2026-11-20T${of.last ?? "11:59:00"}.000Z`,
      },
    ],
    findings: [],
    finding_counts: {},
    verdict,
    complete: verdict === "verified" ? { by: "range", range } : null,
  };
  return { report: body as unknown as Report, phrases: {}, why: null, notNeeded, doubts: [] };
}

/** Returns the input of the cards for a log in this case. */
function input(of: Case, more: Partial<StatusInput> = {}): StatusInput {
  const verification = judged(of);
  const levels = of.levels ?? [0, 0, 0, 0, 0];
  const signature = { by: "witness", name: "witness.example", id: "89abcdef", valid: true };
  const session = {
    verification,
    report: verification.report,
    phase: "done",
    isRunning: false,
    compared: undefined,
    pins: [],
    marks: {
      notes: [],
      checkpoints: [{ size: 100, seen: "2026-11-20T11:56:00.000Z", signatures: [signature] }],
    },
    detection: {
      isFinal: of.isFinal ?? true,
      failure: undefined,
      session: { verification, phase: "done" },
      status: {
        findings: levels.reduce((sum, count) => sum + count, 0),
        events: 98,
        levels,
        coverage: { complete: of.isCovered ?? true },
        limits: [],
        future: null,
      },
    },
  };
  const seen =
    of.seen === false ? undefined : { origin: "o", size: 90, pin: "p", when: "2026-11-19T12:00:00.000Z" };
  const shown = {
    from: "search",
    session,
    coverage: undefined,
    withheld: { erased: 0, redacted: 0, filtered: 0, unsaid: 0 },
    scope: { conditions: NO_CONDITIONS, at: new Date(NOW), seen },
  };
  return {
    mayRead: true,
    shown: shown as unknown as StatusInput["shown"],
    isAsking: false,
    refusal: undefined,
    trust: TRUST,
    history: { alarm: undefined, memory: { isOn: true } } as StatusInput["history"],
    published: undefined,
    watch: undefined,
    storage: NO_STORAGE,
    isTenant: false,
    now: NOW,
    ...more,
  };
}

const states = (input: StatusInput) =>
  Object.fromEntries(cardsOf(input, t).map(({ name, state }) => [name, state]));

const HEALTHY = { ...NO_STORAGE, health: parseHealth('{"healthy":true}') };

test("overview: is fine only if everything was checked completely", () => {
  const whole = input({}, { storage: HEALTHY });
  assert.deepEqual(states(whole), {
    log: "good",
    alarms: "good",
    live: "off",
    findings: "good",
    emitters: "good",
    witnesses: "good",
    // The operator's word is never shown as checked, and isn't part of the summary.
    storage: "claimed",
  });
  const all = (of: StatusInput) => summaryOf(cardsOf(of, t)).map(({ state }) => state);
  assert.deepEqual(all(whole), ["good"]);
  const worse: readonly (readonly [string, StatusInput, readonly CardState[]])[] = [
    ["only a part is loaded", input({ range: [50, 100] }), ["part"]],
    ["no trust", input({ verdict: "untrusted" }, { trust: undefined }), ["unchecked"]],
    ["first visit", input({ seen: false, checks: { append_only: OPEN } }), ["unchecked"]],
    ["no witness", input({ checks: { witnesses: OPEN }, notNeeded: ["witnesses"] }), ["unchecked"]],
    ["rules can't examine all", input({ isCovered: false }), ["unchecked"]],
    ["a silent emitter", input({ last: "11:00:00" }), ["attention"]],
    ["too few entries for a rhythm", input({ links: 2 }), ["unchecked"]],
    ["detection is running", input({ isFinal: false }), ["waiting"]],
    ["altered", input({ verdict: "altered" }), ["bad", "unchecked"]],
    ["no token", { ...input({}), mayRead: false }, ["unchecked"]],
    ["nothing loaded", { ...input({}), shown: undefined }, ["unchecked"]],
    ["loading", { ...input({}), shown: undefined, isAsking: true }, ["waiting"]],
    [
      "unhealthy",
      input({}, { storage: { ...NO_STORAGE, health: parseHealth('{"healthy":false}') } }),
      ["bad"],
    ],
  ];
  for (const [name, of, expected] of worse)
    assert.deepEqual(
      all({ ...of, storage: of.storage === NO_STORAGE ? HEALTHY : of.storage }),
      expected,
      name,
    );
});

test("log: says up to where it is verified, and what the log says it has since", () => {
  const now = logCard(input({}, { published: { size: 130 } as StatusInput["published"] }), t);
  assert.deepEqual([now.state, now.says, now.action], ["good", "Verified.", "load-again"]);
  assert.ok(now.more.includes("The log says that it has 30 entries more since then."));
  const without = logCard(input({ verdict: "untrusted" }, { trust: undefined }), t);
  assert.deepEqual([without.state, without.action], ["unchecked", "choose-trust-file"]);
});

test("findings: the worst severity decides", () => {
  const state = (levels: readonly number[], more: Case = {}) =>
    findingsCard(input({ levels, ...more }), t).state;
  assert.equal(state([0, 0, 0, 0, 1]), "bad");
  assert.equal(state([9, 9, 0, 1, 0]), "bad");
  assert.equal(state([0, 0, 3, 0, 0]), "attention");
  assert.equal(state([0, 1, 0, 0, 0]), "attention");
  assert.equal(state([5, 0, 0, 0, 0]), "part");
  assert.equal(state([0, 0, 0, 0, 0], { range: [50, 100] }), "part");
  assert.equal(findingsCard(input({ range: [50, 100] }), t).action, "verify-whole");
});

test("emitters: one without an entry in what was loaded is named", () => {
  const other = EMITTER.replace("01234567", "89abcdef");
  const card = emittersCard(input({}, { trust: `${TRUST}emitter ${other}\n` }), t);
  assert.equal(card.state, "part");
  assert.ok(card.more.includes("1 emitter of your trust file recorded nothing in what was loaded."));
});

test("witnesses: counts those of the quorum, and not met is bad", () => {
  const met = witnessesCard(input({}), t);
  assert.deepEqual([met.state, met.more[0]], ["good", "Cosigned by 1 of 1 witness in your trust file."]);
  assert.equal(witnessesCard(input({ checks: { witnesses: FAIL } }), t).state, "bad");
});

test("history: an alarm is bad even without a result", () => {
  const alarm = {} as NonNullable<StatusInput["history"]["alarm"]>;
  const history = { alarm, memory: { isOn: true } } as StatusInput["history"];
  const card = alarmsCard({ ...input({}), shown: undefined, history }, t);
  assert.equal(card.state, "bad");
});

test("live: following isn't good if what it shows isn't", () => {
  const watch = (of: Case, link: string): StatusInput["watch"] =>
    ({
      isStopped: false,
      session: { ...input(of).shown?.session, phase: "live" },
      link: { state: link, seconds: 3 },
      refusal: undefined,
    }) as unknown as StatusInput["watch"];
  const state = (of: Case, link: string) => liveCard(input({}, { watch: watch(of, link) }), t).state;
  assert.equal(state({}, "following"), "good");
  assert.equal(state({ verdict: "untrusted" }, "following"), "unchecked");
  assert.equal(state({ verdict: "broken" }, "following"), "bad");
  assert.equal(state({}, "lost"), "attention");
  assert.equal(state({}, "connecting"), "waiting");
});

test("storage: is the operator's word, and unknown if there is none", () => {
  const card = (storage: StatusInput["storage"], isTenant = false): Card =>
    storageCard(input({}, { storage, isTenant }), t);
  const problems = ["disk", "clock", "clock"].map((part) => ({ part, code: "c", message: "m" }));
  const ill = { ...NO_STORAGE, health: parseHealth(JSON.stringify({ healthy: false, problems })) };
  assert.deepEqual([card(ill).state, card(ill).more[0]], ["bad", "Problems with: Disk, Clock."]);
  assert.match(String(card(HEALTHY).says), /^The log operator says: healthy\. This can’t be checked here\.$/);
  assert.equal(card(NO_STORAGE).state, "unchecked");
  assert.equal(card(NO_STORAGE, true).state, "claimed");
});
