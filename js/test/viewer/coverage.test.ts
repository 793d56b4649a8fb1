/** The outcome beside "nothing was found": green only if the rules could examine every event. */

import assert from "node:assert/strict";
import { test } from "node:test";
import "../../packages/ui/dist/viewer/texts/de.js";
import type { Coverage, FindingsStatus } from "../../packages/ui/dist/analyze/types.js";
import { coverageView } from "../../packages/ui/dist/viewer/detection/coverage.js";
import { outcomeView } from "../../packages/ui/dist/viewer/detection/outcome.js";
import { en, textsOf } from "../../packages/ui/dist/viewer/texts/texts.js";
import { textOf } from "./drawn.ts";

const whole: Coverage = {
  applicable: 41,
  blind: [],
  complete: true,
  events: 12,
  rules: 273,
  sources: [{ parser: "countersign", events: 12, covered: 12, rules: 30 }],
  unclear_times: null,
  uncovered: 0,
  unparsed: 0,
  unread: [],
};

const partly: Coverage = {
  ...whole,
  blind: [{ rule: "r-1", title: "Role granted", fields: ["detail.role", "detail.scope"], events: 4 }],
  complete: false,
  sources: [
    { parser: "aws-cloudtrail", events: 1000, covered: 990, rules: 20 },
    { parser: "slack", events: 3, covered: 0, rules: 0 },
  ],
  events: 1005,
  unclear_times: { number: 3, first_entry: 1017 },
  uncovered: 13,
  unparsed: 2,
  unread: [
    { parser: "Azure activity", facts: ["kind"], events: 299, first_entry: 17 },
    { parser: "Okta", facts: ["actor", "address"], events: 1, first_entry: 18 },
  ],
};

const FOUND_NOTHING: Omit<FindingsStatus, "coverage"> = {
  pack: { name: "built-in", version: "1", hash: "h", rules: 273 },
  events: 12,
  unparsed: 0,
  findings: 0,
  levels: [0, 0, 0, 0, 0],
  rules: [],
  limits: [],
  future: null,
  marks: { entries: new Float64Array(), levels: new Uint8Array(), times: new Float64Array() },
};

/** Returns the appearance and words of the outcome once all entries were examined. */
function outcome(told: Partial<FindingsStatus>, isFinal = true): { looks: string; says: string } {
  const report = {
    verdict: "verified",
    complete: { by: "range", range: [0, 12] },
    counts: { withheld: 0, skipped: 0 },
  };
  const session = { phase: isFinal ? "done" : "verifying", verification: { report } };
  const given = { isFinal, session } as unknown as Parameters<typeof outcomeView>[0];
  const drawn = outcomeView(given, { ...FOUND_NOTHING, coverage: whole, ...told }, en);
  return { looks: String(drawn.values[0]), says: textOf(drawn) };
}

test("outcome: green if the rules could examine every event", () => {
  const { looks, says } = outcome({});
  assert.equal(looks, "nothing");
  assert.doesNotMatch(says, /may be more/);
  assert.match(
    textOf(coverageView(whole, true, en)),
    /Each event was read.*12 of 12 events parsed; 41 of 273 rules could apply/,
  );
});

test("outcome: doubtful if the rules couldn't examine an event", () => {
  const unclear = { unclear_times: { number: 1, first_entry: 4 } };
  const gaps: Partial<Coverage>[] = [
    { unparsed: 1 },
    { uncovered: 1 },
    { blind: partly.blind },
    { unread: partly.unread },
    unclear,
  ];
  for (const gap of gaps) {
    const { looks, says } = outcome({ coverage: { ...whole, complete: false, ...gap } });
    assert.equal(looks, "doubtful", JSON.stringify(gap));
    assert.match(says, /Rules couldn’t examine everything, so there may be more\.$/);
  }
  const limit = { title: "Many", groups: null, hits: null, findings: 3 };
  assert.match(outcome({ limits: [limit] }).says, /Rules dropped data to save memory, so there may be more\.$/);
  assert.equal(outcome({ limits: [limit] }).looks, "doubtful");
});

test("outcome: says that no rule could examine the events, if none applies", () => {
  const { looks, says } = outcome({ coverage: { ...whole, complete: false, applicable: 0 } });
  assert.equal(looks, "doubtful");
  assert.match(says, /no rule could examine any of the 12 events here\.$/);
});

test("outcome: doesn't claim that the findings are complete", () => {
  const { looks, says } = outcome({ findings: 2, coverage: partly });
  assert.equal(looks, "found");
  assert.match(says, /^2 findings .* there may be more\.$/);
});

test("outcome: marks numbers as preliminary while rules are applied", () => {
  const { looks, says } = outcome({}, false);
  assert.equal(looks, "waiting");
  assert.match(says, /^0 findings so far/);
});

test("coverage: names sources, rules, and missing fields", () => {
  const text = textOf(coverageView(partly, true, en));
  for (const reason of [
    /Events without a parser: 2 of 1,005\. Rules that use parsed facts can’t match them\./,
    /Events whose time isn’t understood: 3, the first at entry 1,017\./,
    /Azure activity: 299 events of a kind that the parser doesn’t know, the first at entry 17\./,
    /Okta: 1 event without what the parser promises \(actor, address\), the first at entry 18\./,
    /No rule of the pack is written for these sources: slack: 3 events/,
    /Of 1,000 events parsed as aws-cloudtrail, fields for the 20 rules of this source are missing in 10/,
    /1 rule needs fields that no event of its source has: Role granted: detail\.role, detail\.scope/,
    /1,003 of 1,005 events parsed; 41 of 273 rules/,
  ]) {
    assert.match(text.replaceAll(/\s+/g, " "), reason);
  }
  assert.doesNotMatch(text, /Each event was read/);
});

test("coverage: folds a long list of rules and truncates a huge one", () => {
  const blind = Array.from({ length: 400 }, (_, nth) => ({
    rule: `r-${nth}`,
    title: `Rule number ${nth}.`,
    fields: ["f"],
    events: 1,
  }));
  const text = textOf(coverageView({ ...partly, blind }, true, en));
  assert.match(text, /Rule number 5\..* 294 more .*Rule number 299\..* and 100 more/);
  assert.doesNotMatch(text, /Rule number 300\./);
});

test("coverage: is the same in German", async () => {
  const text = textOf(coverageView(partly, true, await textsOf("de")));
  assert.match(text, /1 Regel braucht Felder, die kein Ereignis ihrer Quelle hat:/);
  assert.match(text, /Erkannt als aws-cloudtrail: 1\.000 Ereignisse\. 10 davon/);
});

test("coverage: is not complete if events don't verify", () => {
  const text = textOf(coverageView(whole, true, en, 1));
  assert.match(text, /1 event doesn’t verify, so no rule examined it\./);
  assert.doesNotMatch(text, /Each event was read/);
});
