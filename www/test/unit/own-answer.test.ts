import assert from "node:assert/strict";
import { test } from "node:test";
import { UNRECOGNIZED } from "@countersign/ui/slice/unrecognized.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Frame } from "../../src/evidence/frame.ts";
import { type FiledAnswer, filedAnswer, isSameAnswer, ownAnswer } from "../../src/evidence/own-answer.ts";

const AT = Date.parse("2026-12-31T00:00:00.000Z");
const ANSWER: FiledAnswer = {
  query: "action:login",
  isContained: true,
  at: AT,
  range: null,
  entries: [3, 5],
  trust: "log a\n",
};

/** Events of the reader's verification, by entry. */
interface Events {
  readonly found: Readonly<Record<string, readonly number[]>>;
  readonly untrusted?: readonly number[];
  readonly verdict?: string;
  readonly trust?: string;
}

/** Returns a session with these events, and the queries that were asked with their times. */
function session({ found, untrusted = [], verdict = "verified", trust = "log b\n" }: Events) {
  const asked: (readonly [string, number | undefined])[] = [];
  let current: readonly number[] = [];
  const index = {
    ask: async (query: string, _order: unknown, _onResult: unknown, at?: number) => {
      asked.push([query, at]);
      current = found[query] ?? [];
      // Between events there are rows of other kinds.
      return { events: current.length, rows: 2 * current.length };
    },
    indexes: async () => Float64Array.from(current),
    rows: async (from: number, to: number) =>
      current.flatMap((index) => [{ kind: "event", index }, { kind: "gap" }]).slice(from, to),
  };
  const signerTrust = ({ index }: { index: number }) => (untrusted.includes(index) ? "untrusted" : "trusted");
  return { asked, session: { index, trust, report: { verdict }, signerTrust } as unknown as Session };
}

const ALL = Array.from({ length: 4000 }, (_, entry) => entry);

test("ownAnswer: is none if the trust file is the one in the file", async () => {
  const { session: same, asked } = session({ found: {}, trust: "log a\n" });
  assert.equal(await ownAnswer(same, ANSWER), undefined);
  assert.deepEqual(asked, []);
});

test("ownAnswer: lists the entries that only one of both answers has", async () => {
  const found = { "action:login": [3, 17, 412], [UNRECOGNIZED]: [8], "": ALL.filter((entry) => entry !== 5) };
  const { session: own, asked } = session({ found });
  const answer = await ownAnswer(own, ANSWER);
  assert.deepEqual(answer, {
    searched: { selected: 3, events: 3999, unrecognized: 1 },
    leftOut: [17, 412],
    unverified: [5],
  });
  assert.equal(answer && isSameAnswer(answer), false);
  assert.deepEqual(
    asked.map(([, at]) => at),
    [AT, AT, AT],
  );
});

test("ownAnswer: an event of an untrusted signer isn't verified, in whichever piece of rows it is", async () => {
  const found = { "action:login": [3, 3900], "": ALL };
  const filed = { ...ANSWER, entries: [3, 3900] };
  for (const entry of filed.entries) {
    const { session: own } = session({ found, untrusted: [entry], verdict: "untrusted" });
    const answer = await ownAnswer(own, filed);
    assert.deepEqual([answer?.leftOut, answer?.unverified], [[], [entry]]);
  }
});

test("ownAnswer: stays within the range of the file", async () => {
  const { session: own } = session({ found: { "action:login": [3, 17], "": ALL } });
  const answer = await ownAnswer(own, { ...ANSWER, entries: [3], range: [0, 10] });
  assert.deepEqual(answer, {
    searched: { selected: 1, events: 10, unrecognized: 0 },
    leftOut: [],
    unverified: [],
  });
  assert.equal(answer && isSameAnswer(answer), true);
});

test("ownAnswer: every event of a slice that verifies counts as selected", async () => {
  const { session: own, asked } = session({ found: { "": [3, 9] } });
  const answer = await ownAnswer(own, { ...ANSWER, isContained: false });
  assert.deepEqual(answer, { searched: undefined, leftOut: [9], unverified: [5] });
  assert.deepEqual(asked, [["", AT]]);
});

test("filedAnswer: has the selected entries of what was searched, else all of the slice", () => {
  const opened = { entries: Float64Array.of(3, 4, 9), trust: "log a\n" };
  const scope = { range: [0, 9] };
  const frame = { query: "x", slice: null, time: "2026-12-31T00:00:00.000Z", scope } as unknown as Frame;
  const answer = (of: object, selected?: Float64Array) =>
    filedAnswer({ ...frame, ...of } as Frame, { ...opened, selected } as never);
  assert.deepEqual(answer({}, Float64Array.of(3, 9))?.entries, [3]);
  assert.deepEqual(answer({ slice: {} })?.entries, [3, 4]);
  assert.equal(answer({ query: null }), undefined);
});
