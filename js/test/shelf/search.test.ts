import assert from "node:assert/strict";
import { test } from "node:test";
import { exactly } from "../../dist/shelf/pattern.js";
import type { Condition, Found, Order, Query, Shelf } from "../../dist/shelf/types.js";
import { type Below, chance } from "../chaos/chance.ts";
import { inline } from "./inline.ts";
import { batchLine, type Leaf, leaves, marksOf, pick, word } from "./made.ts";
import { answer, COLUMNS, outcomeOf } from "./reference.ts";

const MOST_VALUES = 24;

/** Hands a log to a shelf as a verifier does: skips and notes in their order, links when a signature covers them. */
async function put(shelf: Shelf, log: readonly Leaf[], below: Below): Promise<void> {
  const waiting = new Map<string, Leaf[]>();
  const flush = async (chain: string) => {
    const covered = waiting.get(chain) ?? [];
    waiting.delete(chain);
    const lines = covered.filter(({ kind }) => kind === "event").map(batchLine);
    await shelf.mark(covered.flatMap((leaf) => (leaf.kind === "withheld" ? marksOf(leaf) : [])));
    if (lines.length > 0) {
      await shelf.add(new TextEncoder().encode(lines.join("")));
    }
  };
  for (const leaf of log) {
    if (leaf.kind === "gap" || leaf.kind === "other") {
      await shelf.mark(marksOf(leaf));
      continue;
    }
    waiting.set(leaf.chain, [...(waiting.get(leaf.chain) ?? []), leaf]);
    if (below(10) === 0) {
      await flush(leaf.chain);
    }
  }
  for (const chain of waiting.keys()) {
    await flush(chain);
  }
}

function pattern(below: Below): string {
  const text = pick(below, [
    word(below),
    `t_${below(30)}`,
    "success",
    "failure",
    "user:u_1",
    "service:login",
    "example.com/1",
  ]);
  const cased = below(3) === 0 ? text.toUpperCase() : text;
  const from = below(cased.length + 1);
  switch (below(5)) {
    case 0:
      return `${exactly([...cased].slice(0, from).join(""))}*`;
    case 1:
      return `*${exactly([...cased].slice(from).join(""))}`;
    case 2:
      return `*${exactly([...cased].slice(from, from + 3).join(""))}*${exactly(cased.slice(-1).toWellFormed())}`;
    default:
      return exactly(cased);
  }
}

const PATHS = [
  "metadata",
  "metadata.note",
  "metadata.a.b",
  "a.b",
  "__proto__",
  "__proto__.id",
  "actor.id",
  "context.é",
  "no",
];

function condition(below: Below): Condition {
  const member = pick(below, [...COLUMNS, ...COLUMNS, ...PATHS]);
  const values = Array.from({ length: 1 + below(2) }, () => (member === "chain" ? `${below(4)}*` : pattern(below)));
  return { member, values, not: below(4) === 0 };
}

function question(below: Below, log: readonly Leaf[]): Query {
  const time = () => (log[below(log.length)]?.time ?? 0) + below(3) - 1;
  return {
    conditions: Array.from({ length: below(4) }, () => condition(below)),
    words: below(3) === 0 ? Array.from({ length: 1 + below(2) }, () => word(below).slice(0, 6).toWellFormed()) : [],
    since: below(4) === 0 ? time() : undefined,
    until: below(4) === 0 ? time() : undefined,
  };
}

const ORDERS: readonly Order[] = [
  { by: "place", descending: false },
  { by: "place", descending: true },
  { by: "time", descending: false },
  { by: "time", descending: true },
];

async function check(shelf: Shelf, log: readonly Leaf[], query: Query, order: Order): Promise<void> {
  const about = JSON.stringify([query, order]);
  const found = await shelf.ask(query, order, () => {});
  const expected = answer(log, query, order);
  const rows = await shelf.rows(0, found.rows);
  assert.deepEqual(
    rows.map(({ line }) => line),
    expected.leaves.map(({ line }) => line),
    about,
  );
  for (const [nth, row] of rows.entries()) {
    const leaf = expected.leaves[nth];
    assert.equal(row.kind, leaf?.kind);
    assert.equal(row.index, leaf?.index);
    if (row.kind === "gap") {
      assert.equal(row.leaves, leaf?.leaves);
      continue;
    }
    assert.deepEqual(
      [row.chain, row.seq, row.vkey, row.authorised],
      [leaf?.chain, leaf?.seq, leaf?.vkey, leaf?.authorised],
    );
    assert.equal(Date.parse(row.time), leaf?.time);
    if (row.kind === "event") {
      assert.equal(row.json, leaf?.event?.written);
    }
  }
  assert.equal(found.complete, true);
  assert.equal(found.events, expected.events.length, about);
  assert.equal(found.of, log.filter(({ kind }) => kind === "event").length);
  assert.equal(found.searched, found.of);
  assert.deepEqual(found.unknown, expected.unknown, about);
  checkFacets(found, expected, about);
  checkHistogram(found, log, expected.events, query);
  assert.deepEqual(await shelf.indexes(), Float64Array.from(expected.events.map(({ index }) => index)));
}

function checkFacets({ facets }: Found, expected: ReturnType<typeof answer>, about: string): void {
  for (const column of COLUMNS) {
    const { counts, unkept } = expected.facets[column];
    const { values, more, others } = facets[column];
    const most = [...counts.values()].sort((one, other) => other - one).slice(0, MOST_VALUES);
    // Values that read the same are counted as one, but may be too rare by themselves to be listed.
    if (column !== "actor" && column !== "target") {
      const told = values.map(({ count }) => count);
      assert.deepEqual(told, most, `${column} ${about}`);
    }
    for (const { value, count } of values) {
      assert.equal(count, counts.get(value), `${column} ${value} ${about}`);
    }
    const listed = values.reduce((sum, { count }) => sum + count, 0);
    const all = [...counts.values()].reduce((sum, count) => sum + count, unkept);
    assert.equal(listed + others, all, `${column} ${about}`);
    assert.ok(values.length + more >= counts.size && (more > 0 || values.length === counts.size), `${column} ${about}`);
  }
}

function checkHistogram({ histogram }: Found, log: readonly Leaf[], events: readonly Leaf[], query: Query): void {
  const { since = -Infinity, until = Infinity } = query;
  const spanned = log.filter(({ kind, time }) => kind === "event" && time >= since && time < until);
  if (histogram === undefined) {
    assert.equal(spanned.length, 0);
    return;
  }
  const { begin, step, bars } = histogram;
  assert.equal(begin % step, 0);
  assert.ok(bars.success.length <= 120);
  for (const [bar, count] of bars.success.entries()) {
    const within = events.filter(({ time }) => time >= begin + bar * step && time < begin + (bar + 1) * step);
    assert.equal(count + (bars.failure[bar] ?? 0) + (bars.unknown[bar] ?? 0), within.length);
    assert.equal(count, within.filter((leaf) => outcomeOf(leaf) === "success").length);
    const fails = within.filter((leaf) => ["failure", "denied"].includes(outcomeOf(leaf) ?? ""));
    assert.equal(bars.failure[bar], fails.length);
  }
  const sum = Object.values(bars).reduce((all, counts) => all + counts.reduce((some, count) => some + count, 0), 0);
  assert.equal(sum, events.length);
}

test("answers what a slow search answers, whatever events hold and whatever is asked", async (t) => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const below = chance(seed);
    const log = leaves(below, 250);
    const shelf = inline();
    t.after(() => shelf.close());
    await put(shelf, log, below);
    await shelf.settle();
    for (let asked = 0; asked < 30; asked += 1) {
      await check(
        shelf,
        log,
        asked === 0 ? { conditions: [], words: [], since: undefined, until: undefined } : question(below, log),
        pick(below, ORDERS),
      );
    }
  }
});
