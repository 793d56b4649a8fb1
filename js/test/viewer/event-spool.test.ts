import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSpool } from "../../packages/ui/dist/viewer/session/event-spool.js";

const MEGABYTE = 1 << 20;

/** Returns an index that keeps the first byte of each batch, and its length. */
function collector() {
  const added: [first: number | undefined, length: number][] = [];
  return { added, add: async (batch: Uint8Array) => void added.push([batch[0], batch.length]) };
}

const batch = (first: number, length: number = MEGABYTE) => new Uint8Array(length).fill(first);

test("EventSpool: passes the first events on at once, and the others in order when released", async () => {
  for (const maxMemoryBytes of [0, MEGABYTE, 100 * MEGABYTE]) {
    const index = collector();
    const spool = new EventSpool(index, { maxMemoryBytes });
    assert.equal(spool.indexedShare, 1);
    for (const first of [1, 2, 3, 4]) {
      await spool.add(batch(first));
    }
    await spool.add(batch(5, 10));
    assert.deepEqual(index.added, [[1, MEGABYTE]]);
    assert.ok(spool.indexedShare > 0.2 && spool.indexedShare < 0.3);
    const shares: number[] = [];
    await spool.release(() => shares.push(spool.indexedShare));
    assert.deepEqual(
      index.added.map(([first]) => first),
      [1, 2, 3, 4, 5],
    );
    assert.equal(
      index.added.reduce((sum, [, length]) => sum + length, 0),
      4 * MEGABYTE + 10,
    );
    assert.deepEqual([shares.length, shares.at(-1)], [4, 1]);
    assert.deepEqual(shares, shares.toSorted());
  }
});

test("EventSpool: holds at most so much back, and the caller waits for the index beyond it", async () => {
  const index = collector();
  const spool = new EventSpool(index, { maxBytes: 2 * MEGABYTE, maxMemoryBytes: MEGABYTE });
  for (const first of [1, 2, 3, 4, 5]) {
    await spool.add(batch(first));
  }
  assert.deepEqual(
    index.added.map(([first]) => first),
    [1, 2, 3],
  );
  await spool.release(() => {});
  assert.equal(index.added.length, 5);
});

test("EventSpool: an index that fails ends the verification", async () => {
  const error = new Error("no room");
  const spool = new EventSpool({ add: () => Promise.reject(error) }, {});
  await assert.rejects(spool.add(batch(1)), error);
});
