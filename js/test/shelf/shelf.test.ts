import assert from "node:assert/strict";
import { test } from "node:test";
import { createShelf } from "../../dist/shelf/host.js";
import { EVERYTHING, parseQuery } from "../../dist/shelf/query.js";
import { Search } from "../../dist/shelf/search.js";
import { Table } from "../../dist/shelf/table.js";
import { type Stretch, Texts } from "../../dist/shelf/texts.js";
import type { Found } from "../../dist/shelf/types.js";
import type { WorkerLike } from "../../dist/verify/create-verifier.js";
import { inline } from "./inline.ts";
import { batchOf, put } from "./put.ts";

const BY_PLACE = { by: "place", descending: false } as const;
const query = (text: string) => parseQuery(text).query;

/** Resolves when what is told is as wanted. */
function until(wanted: (found: Found) => boolean): { told: (found: Found) => void; reached: Promise<Found> } {
  const { promise, resolve } = Promise.withResolvers<Found>();
  return { told: (found) => wanted(found) && resolve(found), reached: promise };
}

/** A worker that takes messages, and answers as it is told to. */
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

test("an answer is told again as more events come, before and after all were settled", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const counts = [1, 2, 3].map((count) => until(({ events, complete }) => complete && events === count));
  const found = await shelf.ask(query("action:a text"), BY_PLACE, (found) => {
    for (const { told } of counts) {
      told(found);
    }
  });
  assert.deepEqual([found.complete, found.events, found.of, found.histogram], [true, 0, 0, undefined]);
  const event = '{"action":"a","note":"text"}';
  await put(shelf, [event, '{"action":"b"}'], (nth) => ({ line: 10 + nth, index: 10 + nth }));
  await counts[0]?.reached;
  await shelf.settle();
  // A line from before the others: its signature came later.
  await put(shelf, [event], () => ({ line: 2, index: 0 }));
  await counts[1]?.reached;
  assert.deepEqual(
    (await shelf.rows(0, 9)).map(({ line }) => line),
    [2, 10],
  );
  await put(shelf, [event], () => ({ line: 12, index: 12 }));
  const last = await counts[2]?.reached;
  assert.deepEqual([last?.of, last?.searched, last?.rows], [4, 4, 3]);
  assert.deepEqual(await shelf.indexes(), Float64Array.of(0, 10, 12));
});

test("a newer question ends an older one at once", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const note = "n".repeat(10_000);
  for (let batch = 0; batch < 5; batch += 1) {
    await put(
      shelf,
      Array.from({ length: 200 }, () => `{"action":"a","note":"${note}"}`),
      (nth) => ({ line: batch * 200 + nth + 2, index: batch * 200 + nth }),
    );
  }
  const heard: Found[] = [];
  const older = shelf.ask(query("nothing"), BY_PLACE, (found) => heard.push(found));
  const told = heard.length;
  const newer = shelf.ask(query("action:a"), BY_PLACE, () => {});
  await assert.rejects(older, { name: "AbortError" });
  const found = await newer;
  assert.deepEqual([found.events, found.rows, heard.length], [1000, 1000, told]);
});

test("a search of text tells its first hits before it is over, and how far it came", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const note = "m".repeat(5000);
  // Too short for a sieve: all is read.
  const MARKS: Readonly<Record<number, string>> = { 0: "z1", 1199: "z2" };
  for (let batch = 0; batch < 6; batch += 1) {
    await put(
      shelf,
      Array.from(
        { length: 200 },
        (_, nth) => `{"action":"a","note":"${note}${batch * 200 + nth}","mark":"${MARKS[batch * 200 + nth] ?? ""}"}`,
      ),
      (nth) => ({ line: batch * 200 + nth + 2, index: batch * 200 + nth }),
    );
  }
  for (const descending of [false, true]) {
    const heard: Found[] = [];
    const sought = descending ? "z2" : "z1";
    const last = await shelf.ask(query(`"${sought}"`), { by: "place", descending }, (found) => heard.push(found));
    assert.deepEqual([last.events, last.searched], [1, 1200]);
    const first = heard.find(({ events }) => events > 0);
    assert.ok(first && !first.complete && first.searched < 600, JSON.stringify(first?.searched));
    assert.deepEqual(
      heard.map(({ searched }) => searched),
      heard.map(({ searched }) => searched).sort((one, other) => one - other),
    );
  }
});

test("the same in another order is not searched anew", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  await put(shelf, ['{"a":1}', '{"a":2}'], (nth) => ({ line: nth + 2, time: `2026-11-20T06:01:0${2 - nth}.000Z` }));
  const times = [];
  for (const by of ["place", "time"] as const) {
    for (const descending of [false, true]) {
      const { rows } = await shelf.ask(query("a:*"), { by, descending }, () => {});
      times.push((await shelf.rows(0, rows)).map(({ line }) => line));
    }
  }
  assert.deepEqual(times, [
    [2, 3],
    [3, 2],
    [3, 2],
    [2, 3],
  ]);
});

test("a search is not over while a chunk is read for a question that ended", async () => {
  const gate = Promise.withResolvers<void>();
  /** The first chunk takes long to come. */
  class Slow extends Texts {
    override async stretch(chunk: number, first: number, last: number): Promise<Stretch> {
      const bytes = await super.stretch(chunk, first, last);
      await (chunk === 0 ? gate.promise : undefined);
      return bytes;
    }
  }
  const table = new Table();
  const texts = new Slow(table.places, table.lengths);
  const event = `{"note":"${"m".repeat(200_000)}"}`;
  table.add(batchOf(Array.from({ length: 8 }, () => event)), texts);
  assert.equal(texts.chunks, 2);
  const search = new Search(query("m"), table, texts);
  assert.equal(search.judge(), true);
  const ended = search.read(false);
  const goesOn = async () => {
    while (await search.read(false)) {}
    return search.searched;
  };
  const searched = goesOn();
  setImmediate(gate.resolve);
  assert.equal(await searched, 8);
  assert.equal(await ended, true);
});

test("rows are found by their line", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  assert.equal(await shelf.rowOf(2), undefined);
  await put(shelf, ['{"action":"a"}', '{"action":"b"}', '{"action":"a"}']);
  await shelf.mark([{ kind: "skip", line: 9, index: 3, leaves: 4 }]);
  await shelf.ask(EVERYTHING, { by: "place", descending: true }, () => {});
  assert.deepEqual(await Promise.all([2, 3, 4, 9, 5].map((line) => shelf.rowOf(line))), [3, 2, 1, 0, undefined]);
  await shelf.ask(query("action:a"), BY_PLACE, () => {});
  assert.deepEqual(await Promise.all([2, 3, 4, 9].map((line) => shelf.rowOf(line))), [0, undefined, 1, undefined]);
  assert.deepEqual(await shelf.rows(-5, 0), []);
  assert.deepEqual(await shelf.rows(2, 50), []);
});

test("the coverage says what stands at every leaf", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const link = { chain: "cd".repeat(16), time: "2026-11-20T06:01:02.345Z", vkey: "k+0+A", authorised: true };
  await put(shelf, ["{}", "{}"], (nth) => ({ line: [4, 3][nth] ?? 0, index: [2, 1][nth] ?? 0 }));
  await shelf.mark([
    { kind: "open", line: 2, index: 0, seq: 0, ...link },
    { kind: "skip", line: 5, index: 3, leaves: 1 },
    { kind: "skip", line: 6, index: 4, leaves: 4 },
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
    { kind: "leaf", line: 11, index: 11 },
  ]);
  assert.deepEqual(await shelf.coverage(), {
    shown: Float64Array.of(0, 3, 10, 12),
    withheld: Float64Array.of(8, 10),
    skipped: Float64Array.of(3, 8),
    listed: Float64Array.of(1, 3, 8, 10),
    events: 2,
  });
  assert.deepEqual(await Promise.all([0, 1, 2, 3, 4, 8, 9, 10, 99].map((index) => shelf.lineOf(index))), [
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
  const found = await shelf.ask(EVERYTHING, BY_PLACE, () => {});
  assert.deepEqual(await shelf.rows(2, found.rows), [
    { kind: "gap", line: 5, index: 3, leaves: 5 },
    { kind: "withheld", line: 7, index: 8, seq: 9, why: null, ...link },
    { kind: "withheld", line: 8, index: 9, seq: 10, why: "erased", ...link },
  ]);
});

test("more is taken only when there is room", async (t) => {
  const worker = silent();
  const shelf = createShelf(() => worker);
  t.after(() => shelf.close());
  const batch = () => new Uint8Array(5 << 20);
  await shelf.add(batch());
  let isTaken = false;
  const second = shelf.add(batch()).then(() => {
    isTaken = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isTaken, false);
  worker.onmessage?.({ data: { type: "answer", id: 1, value: undefined } } as MessageEvent);
  await second;
  assert.equal(worker.taken.length, 2);
});

test("bytes of a batch are moved, not copied", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const batch = batchOf(['{"action":"a"}']);
  await shelf.add(batch);
  assert.equal(batch.length, 0);
});

test("who waits for a shelf that is closed or fails hears of it", async () => {
  const closed = silent();
  const shelf = createShelf(() => closed);
  const waiting = [shelf.settle(), shelf.rows(0, 1), shelf.ask(EVERYTHING, BY_PLACE, () => {}), shelf.coverage()];
  shelf.close();
  for (const promise of [...waiting, shelf.indexes(), shelf.add(new Uint8Array(1))]) {
    await assert.rejects(promise, { name: "AbortError" });
  }
  assert.ok(closed.ended);
  shelf.close();

  const unreadable = silent();
  const third = createShelf(() => unreadable);
  const unanswered = third.ask(EVERYTHING, BY_PLACE, () => {});
  const rows = third.rows(0, 1);
  unreadable.onmessage?.({ data: { type: "failed", id: 2, message: "no such row" } } as MessageEvent);
  await assert.rejects(rows, { code: "worker.failed", message: /no such row/ });
  unreadable.onmessage?.({ data: { type: "failed", id: 1, message: "the disk is gone" } } as MessageEvent);
  await assert.rejects(unanswered, { code: "worker.failed", message: /the disk is gone/ });
  await assert.rejects(third.rows(0, 1), { code: "worker.failed" });

  const failing = silent();
  const other = createShelf(() => failing);
  const asked = other.ask(EVERYTHING, BY_PLACE, () => {});
  failing.onerror?.({ message: "not allowed" } as ErrorEvent);
  await assert.rejects(asked, { code: "worker.unavailable" });
  await assert.rejects(other.rows(0, 1), { code: "worker.unavailable" });
  assert.throws(
    () =>
      createShelf(() => {
        throw new Error("no workers here");
      }),
    { code: "worker.unavailable" },
  );
});
