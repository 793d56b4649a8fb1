import assert from "node:assert/strict";
import { test } from "node:test";
import { Keeper } from "../../dist/shelf/keeper.js";
import { parseQuery } from "../../dist/shelf/query.js";
import { Table } from "../../dist/shelf/table.js";
import type { Column, Found, Shelf } from "../../dist/shelf/types.js";
import { forms } from "../../dist/shelf/verdicts.js";
import { inline } from "./inline.ts";
import { batchOf, put } from "./put.ts";

const BY_PLACE = { by: "place", descending: false } as const;

const ask = (shelf: Shelf, text: string) => shelf.ask(parseQuery(text).query, BY_PLACE, () => {});

async function lines(shelf: Shelf, text: string): Promise<number[]> {
  const { rows } = await ask(shelf, text);
  return (await shelf.rows(0, rows)).map(({ line }) => line);
}

const counts = (found: Found, column: Column) =>
  Object.fromEntries(found.facets[column].values.map(({ value, count }) => [value, count]));

test("names of members that mean something to JavaScript are names", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  await put(shelf, [
    '{"__proto__":{"action":"x","polluted":1},"action":"__proto__"}',
    '{"constructor":"c","action":"constructor","actor":{"__proto__":{"id":"u_1"},"id":"__proto__","type":"toString"}}',
    '{"metadata":{"__proto__":{"deep":1}},"hasOwnProperty":"h"}',
  ]);
  assert.deepEqual(await lines(shelf, "action:x"), []);
  assert.deepEqual(await lines(shelf, "action:__proto__"), [2]);
  assert.deepEqual(await lines(shelf, "__proto__.polluted:1"), [2]);
  assert.deepEqual(await lines(shelf, "actor:toString:__proto__"), [3]);
  assert.deepEqual(await lines(shelf, "actor:u_1"), []);
  assert.deepEqual(await lines(shelf, "metadata.__proto__.deep:1"), [4]);
  assert.deepEqual(await lines(shelf, "toString:*"), []);
  assert.deepEqual(
    counts(await ask(shelf, ""), "action"),
    Object.fromEntries([
      ["__proto__", 1],
      ["constructor", 1],
    ]),
  );
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
});

test("no way of writing hides text from those who look for it, nor shows what is not there", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  await put(shelf, [
    '{"\\u0061ction":"\\u006aob.\\u0064elete","path":"a\\/b","face":"\\ud83d\\ude00"}',
    '{"action":"job.delete","path":"a/b","face":"😀"}',
    '{"note":"line\\nend","quote":"\\"x\\"","slash":"\\\\u0041"}',
  ]);
  for (const text of ["action:job.delete", '"job.delete"', "a/b", "😀", "path:a/b", '"action":job.*']) {
    assert.deepEqual(await lines(shelf, text), [2, 3], text);
  }
  assert.deepEqual(await lines(shelf, "nend"), [], "the n of \\n is no text");
  assert.deepEqual(await lines(shelf, "u0061"), []);
  assert.deepEqual(await lines(shelf, '"u0041"'), [4], "a backslash that is text is followed by text");
  assert.deepEqual(await lines(shelf, '"\\"x\\""'), [4]);
});

test("letters count in either case, by Unicode's simple folding", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  await put(shelf, ['{"action":"Straße ΣΊΣΥΦΟΣ \u212a"}']);
  for (const text of ["STRA\u1e9eE", "σίσυφοσ", "σίσυφος", "k", "K"]) {
    assert.deepEqual(await lines(shelf, `"${text}"`), [2], text);
    assert.deepEqual(await lines(shelf, `action:*"${text}"*`), [2], text);
  }
  assert.deepEqual(await lines(shelf, "strasse"), []);
});

test("values of every kind have a column's text", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  await put(shelf, [
    '{"action":12345678901234567890,"actor":"u_1","target":["a", "b"],"outcome":null}',
    '{"action":1.50,"actor":{"id":7,"type":"service"},"target":{"name":"nameless"}}',
    '{"action":{"a": 1},"actor":{"id":"u_1"},"target":{"type":"user","id":"u_1"}}',
    "{}",
  ]);
  const found = await ask(shelf, "");
  assert.deepEqual(counts(found, "action"), { "12345678901234567890": 1, "1.50": 1, '{"a": 1}': 1 });
  assert.deepEqual(counts(found, "actor"), { u_1: 2, "service:7": 1 });
  assert.deepEqual(counts(found, "target"), { '["a", "b"]': 1, '{"name":"nameless"}': 1, "user:u_1": 1 });
  assert.deepEqual(counts(found, "outcome"), { "not stated": 3, null: 1 });
  assert.deepEqual(await lines(shelf, "actor:user:u_1"), [2, 4]);
  assert.deepEqual(await lines(shelf, "target:nameless"), [3]);
  assert.deepEqual(await lines(shelf, "-action:*"), [5]);
  assert.deepEqual(await lines(shelf, 'action:"12345678901234567890"'), [2]);
  assert.deepEqual(found.histogram?.bars, { success: [0], failure: [0], unknown: [4] });
});

test("values too long to be kept are found all the same", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const long = "x".repeat(200_000);
  await put(shelf, [
    `{"action":"${long}y","actor":{"id":"${long}a","name":"Zoë"}}`,
    `{"action":"${long}z","actor":{"id":"u_1","name":"${long}b"}}`,
    '{"action":"short"}',
  ]);
  assert.deepEqual(await lines(shelf, "action:x*y"), [2]);
  assert.deepEqual(await lines(shelf, "-action:x*y"), [3, 4]);
  assert.deepEqual(await lines(shelf, "actor:*a"), [2]);
  assert.deepEqual(await lines(shelf, "actor:*b"), [3]);
  assert.deepEqual(await lines(shelf, "actor:zoë action:*"), [2]);
  const { facets } = await ask(shelf, "action:*z");
  assert.deepEqual(facets.action, { values: [{ value: "short", count: 1 }], more: 0, others: 2 });
});

test("values for which there is no room are found all the same", async () => {
  const keeper = new Keeper((_, error) => assert.fail(String(error)), new Table(1));
  const values = Array.from({ length: 1500 }, (_, nth) => `${nth}.${"v".repeat(500)}`);
  keeper.add(batchOf([...values, ...values].map((value) => JSON.stringify({ action: value, target: { id: value } }))));
  const asked = (text: string) =>
    new Promise<Found>((resolve) => {
      keeper.ask(1, parseQuery(text).query, BY_PLACE, (found) => found.complete && resolve(found));
    });
  for (const [text, count] of [
    ["action:*", 3000],
    ["action:1499.*", 2],
    ["target:1*", 1222],
    ["-target:1* action:2*", 222],
    ["action:0.*,1498.*", 4],
    ["-action:*", 0],
  ] as const) {
    const { events, facets } = await asked(text);
    assert.equal(events, count, text);
    const { values, others } = facets.target;
    assert.equal(
      values.reduce((sum, { count }) => sum + count, others),
      text.includes("target") ? (await asked(text.replace(/-?target:\S+ ?/, ""))).events : count,
    );
  }
});

test("values that read the same are counted as one, and colons without end cost no more than some", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const colons = ":".repeat(1000);
  await put(shelf, [
    '{"target":{"type":"a","id":"b:c"}}',
    '{"target":{"type":"a:b","id":"c"}}',
    '{"target":"a:b:c","actor":"u"}',
    `{"target":{"type":"t","id":"${colons}"},"actor":{"type":"user","id":"u"}}`,
    `{"target":"t:${colons}","actor":{"id":"u"}}`,
  ]);
  const found = await ask(shelf, "");
  assert.deepEqual(counts(found, "target"), { "a:b:c": 3, [`t:${colons}`]: 2 });
  assert.deepEqual(counts(found, "actor"), { u: 3 });
  assert.ok(forms("target", new TextEncoder().encode(colons)).length < 20);
});

test("numbers of any size and times of any year keep their value", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const places = [
    { line: 2, index: 0, seq: 1, time: "0000-01-01T00:00:00.000Z" },
    { line: 2 ** 33, index: 2 ** 40, seq: 2 ** 20, time: "2024-02-29T23:59:59.999Z" },
    {
      line: 2 ** 33 + 1,
      index: Number.MAX_SAFE_INTEGER,
      seq: Number.MAX_SAFE_INTEGER,
      time: "9999-12-31T23:59:59.999Z",
    },
  ];
  await put(shelf, ["{}", "{}", "{}"], (nth) => places[nth] ?? {});
  const { histogram, rows } = await ask(shelf, "");
  const shown = await shelf.rows(0, rows);
  assert.deepEqual(
    shown.map((row) => row.kind === "event" && [row.line, row.index, row.seq, row.time]),
    places.map(({ line, index, seq, time }) => [line, index, seq, time]),
  );
  assert.equal(await shelf.rowOf(2 ** 33 + 1), 2);
  assert.ok((histogram?.bars.success.length ?? 0) <= 120);
  assert.deepEqual(await lines(shelf, "since:2024-02-29T23:59:59.999Z until:2024-03-01"), [2 ** 33]);
});

test("patterns that make others go back and forth take no longer", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const value = "a".repeat(1000);
  await put(
    shelf,
    Array.from({ length: 200 }, () => `{"action":"${value}","note":"${value}"}`),
  );
  const pattern = `${"*a".repeat(90)}*b`;
  assert.deepEqual(await lines(shelf, `action:${pattern} note:${pattern}`), []);
});

test("a shelf that was given what is no event answers nothing any more", async () => {
  const encoder = new TextEncoder();
  for (const batch of [
    "null\n",
    "{}\n",
    '{"line":1,"event":',
    '{"line":1e3,"event":{}}\n',
    '{"line":2,"event":[]}\n',
  ]) {
    const shelf = inline();
    const asked = ask(shelf, "never:answered");
    await shelf.add(encoder.encode(batch));
    await assert.rejects(shelf.settle(), { code: "worker.failed" }, batch);
    await assert.rejects(shelf.add(encoder.encode("")), { code: "worker.failed" });
    await assert.rejects(ask(shelf, ""), { code: "worker.failed" });
    await asked.catch(() => {});
  }
});
