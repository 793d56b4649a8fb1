import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStore } from "../../src/events/store.ts";

const CHAIN = "0123456789abcdef0123456789abcdef";

/** Events on these lines, as the verifier writes them. */
function batch(lines: readonly number[], event = (line: number) => `{"n":${line}}`): Uint8Array<ArrayBuffer> {
  const text = lines.map(
    (line) =>
      `{"line":${line},"index":${line - 2},"chain":"${CHAIN}","seq":${line},"time":"2026-11-20T06:01:02.345Z",` +
      `"authorised":true,"vkey":"a,\\"event\\":+0+A=","event":${event(line)}}\n`,
  );
  return new TextEncoder().encode(text.join(""));
}

async function linesOf(store: EventStore): Promise<number[]> {
  const events = await Promise.all(Array.from({ length: store.size }, (_, row) => store.read(row)));
  return events.map(({ line }) => line);
}

test("events come back as they were handed out", async () => {
  const store = new EventStore();
  store.add(batch([2, 3], (line) => (line === 2 ? '{ "é" : "😀\\n" }' : '{"event":{"x":1}}')));
  store.settle();
  assert.deepEqual(await store.read(0), {
    line: 2,
    index: 0,
    chain: CHAIN,
    seq: 2,
    time: "2026-11-20T06:01:02.345Z",
    authorised: true,
    vkey: 'a,"event":+0+A=',
    text: '{ "é" : "😀\\n" }',
  });
  assert.equal((await store.read(1)).text, '{"event":{"x":1}}');
});

test("events of several chains are brought into the order of their lines", async () => {
  const store = new EventStore();
  store.add(batch([3, 9, 10]));
  store.add(batch([2, 4, 8]));
  store.add(batch([5]));
  store.settle();
  assert.deepEqual(await linesOf(store), [2, 3, 4, 5, 8, 9, 10]);
  assert.equal(store.rowOfLine(8), 4);
  assert.equal(store.rowOfLine(6), undefined);
  assert.equal(store.rowOfLine(11), undefined);
});

test("what is in memory is read at once", async () => {
  const store = new EventStore();
  store.add(batch([2]));
  store.settle();
  assert.equal(store.readNow(0), undefined);
  await store.read(0);
  assert.equal(store.readNow(0)?.line, 2);
});

test("only a few chunks stay in memory", async () => {
  const store = new EventStore();
  const large = `{"x":"${"x".repeat(1 << 20)}"}`;
  for (let line = 2; line < 42; line += 1) store.add(batch([line], () => large));
  store.settle();
  assert.deepEqual(
    await linesOf(store),
    Array.from({ length: 40 }, (_, row) => row + 2),
  );
  const kept = Array.from({ length: store.size }, (_, row) => store.readNow(row)).filter(Boolean);
  assert.equal(kept.length, 16);
});

test("an empty export has no events", () => {
  const store = new EventStore();
  store.settle();
  assert.equal(store.size, 0);
  assert.equal(store.rowOfLine(1), undefined);
});
