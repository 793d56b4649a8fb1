/** Tests the index of verified events with a page's queries. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerLike } from "../../packages/countersign/dist/verify/create-verifier.js";
import { createIndex } from "../../packages/ui/dist/index/create-index.js";
import type { EventIndex, Order, SearchResult } from "../../packages/ui/dist/index/types.js";
import { eventually } from "../eventually.ts";
import { batchOf, put } from "./put.ts";
import { module, threaded } from "./threaded.ts";

const BY_PLACE = { by: "place", descending: false } as const;

/** Runs a query that must be valid. */
async function ask(index: EventIndex, query: string, order: Order = BY_PLACE): Promise<SearchResult> {
  const found = await index.ask(query, order, () => {});
  return "code" in found ? assert.fail(found.message) : found;
}

/** Returns a callback for results, and a promise of the first one that matches. */
function until(wanted: (found: SearchResult) => boolean): {
  told: (found: SearchResult) => void;
  reached: Promise<SearchResult>;
} {
  const { promise, resolve } = Promise.withResolvers<SearchResult>();
  return { told: (found) => wanted(found) && resolve(found), reached: promise };
}

test("index: reports a result again as more events arrive, and after all are settled", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const counts = [1, 2, 3].map((count) => until(({ events, complete }) => complete && events === count));
  const found = await index.ask("action:a text", BY_PLACE, (found) => {
    for (const { told } of counts) {
      told(found);
    }
  });
  assert.ok("events" in found);
  assert.deepEqual([found.complete, found.events, found.of, found.histogram], [true, 0, 0, undefined]);
  const event = '{"action":"a","note":"text"}';
  await put(index, [event, '{"action":"b"}'], (nth) => ({ line: 10 + nth, index: 10 + nth }));
  await counts[0]?.reached;
  await index.settle();
  // A line before the others, whose signature came later.
  await put(index, [event], () => ({ line: 2, index: 0 }));
  await counts[1]?.reached;
  assert.deepEqual(
    (await index.rows(0, 9, [])).map(({ line }) => line),
    [2, 10],
  );
  await put(index, [event], () => ({ line: 12, index: 12 }));
  const last = await counts[2]?.reached;
  assert.deepEqual([last?.of, last?.searched, last?.rows], [4, 4, 3]);
  assert.deepEqual(await index.indexes(), Float64Array.of(0, 10, 12));
});

test("index: a new order doesn't search again", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  await put(index, ['{"a":1}', '{"a":2}'], (nth) => ({ line: nth + 2, time: `2026-11-20T06:01:0${2 - nth}.000Z` }));
  const times = [];
  for (const by of ["place", "time"] as const) {
    for (const descending of [false, true]) {
      const { rows } = await ask(index, "a:*", { by, descending });
      times.push((await index.rows(0, rows, [])).map(({ line }) => line));
    }
  }
  assert.deepEqual(times, [
    [2, 3],
    [3, 2],
    [3, 2],
    [2, 3],
  ]);
});

test("index: counts a query beside the current one", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  await put(index, ['{"action":"a"}', '{"action":"b"}', '{"note":"text"}']);
  await index.settle();
  const { rows } = await ask(index, "action:a");
  assert.deepEqual(
    [await index.count("-has:action"), await index.count("action:a,b"), await index.count("")],
    [1, 2, 3],
  );
  assert.equal(await index.count("action:"), undefined);
  // The rows are still those of the current query.
  assert.equal((await index.rows(0, rows, [])).length, 1);
});

test("index: a newer query cancels an older one, unless it is invalid", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  await put(index, ['{"action":"a"}', '{"action":"b"}']);
  void index.ask("action:a", BY_PLACE, () => {}).catch(() => {});
  assert.equal((await ask(index, "action:b,c")).events, 1);
  const progress: number[] = [];
  const found = await index.ask("action:a,b", BY_PLACE, ({ events }) => progress.push(events));
  assert.equal((found as SearchResult).events, 2);
  const refused = await index.ask("é action:", BY_PLACE, () => {});
  assert.deepEqual("code" in refused && [refused.code, ...refused.at], ["query.value", 2, 9]);
  await put(index, ['{"action":"a"}'], () => ({ line: 9, index: 9 }));
  await index.settle();
  await eventually(
    "three events are reported",
    () => progress.at(-1),
    (count) => count === 3,
  );
  assert.deepEqual(await index.check("action:a"), undefined);
  assert.equal((await index.check("action:a OR"))?.code, "query.operator");
});

test("index: a row has the parsed fields, and all of the event when opened", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const events = [
    `{"action":"job.delete","actor":{"id":"u_1","name":"Ada Okafor"},"context":{"ip":"192.0.2.7"},"occurred_at":"2019-03-31T23:30:00.000Z","outcome":"denied","reason":"${"x".repeat(500)}","target":{"id":"42","type":"cron_job"},"tenant":"acme"}`,
    '{"nobodys":1,"nested":{"list":[1,"two"]}}',
    '{"action":"odd","unusual":true}',
  ];
  await put(index, events);
  await ask(index, "");
  const [ours, nobodys, odd] = await index.rows(0, 3, ["nested.list", "tenant"]);
  assert.ok(ours?.kind === "event" && nobodys?.kind === "event" && odd?.kind === "event");
  assert.deepEqual(
    [ours.happened, ours.parsed?.as, ours.parsed?.action, ours.parsed?.actor, ours.parsed?.target],
    [
      "2019-03-31T23:30:00.000Z",
      "countersign",
      "job.delete",
      { id: "u_1", name: "Ada Okafor", type: "user" },
      { id: "42", type: "cron_job" },
    ],
  );
  assert.deepEqual([ours.parsed?.address, ours.parsed?.outcome, ours.tenant], ["192.0.2.7", "denied", "acme"]);
  assert.ok((ours.parsed?.reason?.length ?? 0) < 300, "a list shows truncated values");
  assert.deepEqual([...ours.fields], [["tenant", ["acme"]]]);
  assert.deepEqual([...nobodys.fields], [["nested.list", ["1", "two"]]]);
  assert.deepEqual([nobodys.parsed, nobodys.happened, nobodys.begin], [undefined, undefined, events[1]]);
  assert.deepEqual([odd.parsed, odd.own?.action, odd.begin], [undefined, "odd", undefined]);
  const whole = await index.row(0);
  assert.ok(whole?.kind === "event");
  assert.deepEqual([whole.json, whole.parsed?.reason?.length, whole.parsed?.outcome], [events[0], 500, "denied"]);
  await ask(index, "nobodys:2");
  const known = await index.row(0, ours);
  assert.deepEqual(known, whole, "a known row stays available after other searches");
  assert.equal(await index.row(9), undefined);
});

test("index: explains empty results", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  await put(index, [
    '{"action":"a","context":{"ip":"192.0.2.7"}}',
    '{"action":"b","occurred_at":"2019-01-01T00:00:00.000Z"}',
  ]);
  const { events, unknownFields, conditions, steps } = await ask(index, "action:a contxt.ip:192.0.2.7");
  assert.equal(events, 0);
  assert.deepEqual(
    unknownFields.map(({ field, at, nearest }) => [field, ...at, nearest.includes("context.ip")]),
    [["contxt.ip", 9, 28, true]],
  );
  assert.deepEqual(
    [conditions, steps].map((left) => left.map(({ events }) => events)),
    [
      [1, 0],
      [1, 0],
    ],
  );
  const other = await ask(index, "action:a context.ip:192.0.2.8 actor.id:x");
  assert.deepEqual(
    other.conditions.map(({ short }) => short),
    [undefined, undefined, undefined],
  );
  const { times, asksTime } = await ask(index, "time:2019..2030");
  const last = Date.parse("2026-11-20T06:01:02.345Z");
  assert.deepEqual([times, asksTime], [{ own: 1, recorded: 1, last }, true]);
});

test("index: chips and the chart edit the query's text", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const failures = await index.toggled('action:job.* "two words"', "outcome", "failure");
  assert.equal(failures, 'action:job.* "two words" outcome:failure');
  assert.equal(
    await index.toggled(await index.toggled(failures, "outcome", "denied"), "outcome", "failure"),
    'action:job.* "two words" outcome:denied',
  );
  const within = await index.within("action:a since:2020", Date.UTC(2026, 10, 20), Date.UTC(2026, 10, 21));
  assert.equal(await index.check(within), undefined);
  assert.match(within, /^action:a since:2026-11-20\S* until:2026-11-21\S*$/);
  assert.equal(await index.within(within, undefined, undefined), "action:a");
  assert.deepEqual(await index.parts('action:a "two words" (actor:u OR x) -y'), [
    "action:a",
    '"two words"',
    "actor:u OR x",
    "-y",
  ]);
  assert.deepEqual(await index.parts("actor:u OR x"), ["(actor:u OR x)"]);
  assert.deepEqual(await index.parts(""), []);
  assert.equal(await index.parts("a) OR (b"), undefined);
  assert.equal(await index.asksUntil("until:2026-11-02T07:00Z -x", 0), Date.UTC(2026, 10, 2, 7) - 1);
  assert.equal(await index.asksUntil("since:-7d", Date.UTC(2026, 10, 30, 12)), Date.UTC(2026, 10, 24) - 1);
  assert.deepEqual(
    [await index.asksUntil("actor:2099", 0), await index.asksUntil("a) OR (b", 0)],
    [undefined, undefined],
  );
  await put(index, ['{"action":"a","outcome":"denied"}', '{"action":"b","outcome":"failure"}', '{"action":"a"}']);
  const { facets, histogram } = await ask(index, "outcome:denied");
  assert.deepEqual(facets.outcome.values.map(({ value, count, chosen }) => [value, count, chosen === true]).sort(), [
    ["denied", 1, true],
    ["failure", 1, false],
    ["not-stated", 1, false],
  ]);
  const sums = Object.entries(histogram?.bars ?? {}).map(([outcome, bars]) => [
    outcome,
    bars.reduce((a, b) => a + b, 0),
  ]);
  assert.deepEqual(Object.fromEntries(sums), { success: 0, failure: 0, denied: 1, unknown: 0, "not-stated": 0 });
});

test("index: suggests fields and values, and picking one finds the counted rows", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  await put(index, [
    '{"action":"job.run","context":{"region":"eu west"}}',
    '{"action":"job.stop","context":{"region":"eu west"}}',
    '{"action":"login"}',
  ]);
  await ask(index, "");
  const labels = async (text: string) => (await index.suggest(text, text.length)).map(({ label }) => label);
  assert.ok((await labels("act")).some((label) => label.startsWith("action")));
  assert.ok((await labels("-context.re")).some((label) => label.startsWith("context.region")));
  for (const typed of ["action:jo", "context.region:eu"]) {
    await ask(index, "");
    const [suggestion] = await index.suggest(typed, typed.length);
    assert.ok(suggestion !== undefined, typed);
    const { text, at, end, count } = suggestion;
    const { events } = await ask(index, typed.slice(0, at) + text + typed.slice(end));
    assert.equal(events, count, typed);
  }
});

test("index: finds rows by line", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  assert.equal(await index.rowOf(2), undefined);
  await put(index, ['{"action":"a"}', '{"action":"b"}', '{"action":"a"}']);
  await index.mark([{ kind: "skip", line: 9, index: 3, entries: 4 }]);
  await ask(index, "", { by: "place", descending: true });
  assert.deepEqual(await Promise.all([2, 3, 4, 9, 5].map((line) => index.rowOf(line))), [3, 2, 1, 0, undefined]);
  await ask(index, "action:a", BY_PLACE);
  assert.deepEqual(await Promise.all([2, 3, 4, 9].map((line) => index.rowOf(line))), [0, undefined, 1, undefined]);
  assert.deepEqual(await index.rows(-5, 0, []), []);
  assert.deepEqual(await index.rows(2, 50, []), []);
});

test("index: the coverage describes every entry", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const link = { chain: "cd".repeat(16), time: "2026-11-20T06:01:02.345Z", vkey: "k+0+A", authorized: true };
  await put(index, ["{}", "{}"], (nth) => ({ line: [4, 3][nth] ?? 0, index: [2, 1][nth] ?? 0 }));
  await index.mark([
    { kind: "open", line: 2, index: 0, seq: 0, ...link },
    { kind: "skip", line: 5, index: 3, entries: 1 },
    { kind: "skip", line: 6, index: 4, entries: 4 },
    { kind: "withheld", line: 7, index: 8, seq: 9, why: null, ...link },
    { kind: "withheld", line: 8, index: 9, seq: 10, why: "erased", ...link },
    {
      kind: "checkpoint",
      line: 9,
      origin: "o",
      size: 10,
      root: "",
      matches: true,
      signatures: [],
      existed: null,
      seen: null,
    },
    { kind: "note", line: 10, index: 10, acts: true, statements: [], signers: [] },
    { kind: "entry", line: 11, index: 11 },
  ]);
  assert.deepEqual(await index.coverage(), {
    shown: Float64Array.of(0, 3, 10, 12),
    withheld: Float64Array.of(8, 10),
    skipped: Float64Array.of(3, 8),
    listed: Float64Array.of(1, 3, 8, 10),
    events: 2,
  });
  assert.deepEqual(await Promise.all([0, 1, 2, 3, 4, 8, 9, 10, 99].map((leaf) => index.lineOf(leaf))), [
    undefined,
    3,
    4,
    undefined,
    undefined,
    7,
    8,
    undefined,
    undefined,
  ]);
  const found = await ask(index, "", BY_PLACE);
  assert.deepEqual(await index.rows(2, found.rows, []), [
    { kind: "gap", line: 5, index: 3, entries: 5 },
    { kind: "withheld", line: 7, index: 8, seq: 9, why: null, ...link },
    { kind: "withheld", line: 8, index: 9, seq: 10, why: "erased", ...link },
  ]);
});

test("index: reports the coverage on request, also while settling", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  await index.add(batchOf(['{"a":1}', '{"a":2}']));
  const events = async () => (await index.coverage()).events;
  const answers = [events(), index.settle(), events(), index.settle(), events()];
  for (let turn = 0; turn < 20; turn += 1) {
    answers.push(events());
    await new Promise(setImmediate);
  }
  assert.deepEqual(new Set(await Promise.all(answers)), new Set([2, undefined]));
});

test("index: moves the bytes of a batch instead of copying", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const batch = batchOf(['{"action":"a"}']);
  await index.add(batch);
  await index.settle();
  assert.equal(batch.length, 0);
});

/** Returns all lines. */
async function linesOf(index: EventIndex): Promise<string> {
  let text = "";
  for (let segment = 0; ; segment += 1) {
    const lines = await index.lines(segment);
    if (lines === undefined) {
      return text;
    }
    text += Buffer.concat(lines).toString();
  }
}

test("index: formatted lines are the same during and after loading", async (t) => {
  const [early, late] = [threaded(), threaded()];
  t.after(() => [early, late].map((index) => index.close()));
  assert.equal(await early.lines(0), undefined);
  // Exceeds the buffer for lines that were not requested yet.
  const note = "so long ".repeat(12 << 10);
  const events = Array.from({ length: 9 }, () => `{"action":"a","actor":{"id":"b"},"metadata":{"note":"${note}"}}`);
  for (let nth = 0; nth < 400; nth += 10) {
    for (const index of [early, late]) {
      await put(index, [...events, "[]"], (of) => ({ line: nth + of }));
    }
  }
  const lines = await linesOf(early);
  assert.equal(lines.split("\n").length, 401);
  const [first = "", ...others] = lines.split("\n");
  const read = '"parsed":{"as":"countersign","action":"a","actor":{"id":"b","type":"user"},"outcome":"not stated"}';
  assert.ok(first.includes(`${read},"event":{"action":"a",`));
  assert.ok(others[8]?.endsWith('"parsed":null,"event":[]}'));
  assert.ok(lines === (await linesOf(late)));
  // A new reader gets the same lines.
  assert.ok(lines === (await linesOf(early)));
});

/** A worker that accepts messages and never responds. */
function silent(): WorkerLike & { readonly taken: unknown[]; ended: boolean } {
  return {
    taken: [],
    ended: false,
    postMessage(message) {
      this.taken.push(message);
    },
    terminate() {
      this.ended = true;
    },
    onmessage: null,
    onerror: null,
    onmessageerror: null,
  };
}

test("index: rejects pending calls when it is closed or fails", async () => {
  const closed = silent();
  const index = createIndex({ module, worker: () => closed });
  const waiting = [index.settle(), index.rows(0, 1, []), index.ask("", BY_PLACE, () => {}), index.coverage()];
  index.close();
  for (const promise of [...waiting, index.indexes(), index.add(new Uint8Array(1))]) {
    await assert.rejects(promise, { name: "AbortError" });
  }
  assert.ok(closed.ended);
  index.close();

  const failing = silent();
  const other = createIndex({ module, worker: () => failing });
  const answer = other.ask("", BY_PLACE, () => {});
  failing.onerror?.({ message: "not allowed" });
  await assert.rejects(answer, { code: "worker.unavailable" });
  await assert.rejects(other.rows(0, 1, []), { code: "worker.unavailable" });
  assert.throws(
    () =>
      createIndex({
        module,
        worker: () => {
          throw new Error("no workers here");
        },
      }),
    { code: "worker.unavailable" },
  );
});

test("index: rejects all calls after an invalid event", async () => {
  const index = threaded();
  const taken = index.add(new TextEncoder().encode("no batch\n")).catch(() => {});
  await assert.rejects(Promise.all([taken, index.settle(), index.settle()]), { code: "worker.failed" });
  await assert.rejects(index.rows(0, 1, []), { code: "worker.failed" });
});
