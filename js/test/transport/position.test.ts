/** Tests transport functions that detect repeated lines of a lost response by a chunk's position. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChunkPosition, memory } from "countersign";
import { verify } from "countersign/verify";
import { createRecorder } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { KEY, TRUST } from "../package/scenario.mjs";

const ORIGIN = "example.com/audit";

/** A table that stores each line once, by its position. */
class Table {
  readonly rows = new Map<string, string>();
  /** True if the next response is lost. */
  loses = false;
  readonly chunks: ChunkPosition[] = [];

  readonly write = async (chunk: Uint8Array, position: ChunkPosition) => {
    const { chain, first, last, hasHeader } = position;
    this.chunks.push(position);
    const lines = new TextDecoder().decode(chunk).trimEnd().split("\n");
    assert.equal(lines.length, last - first + 1 + (hasHeader ? 1 : 0), "one line for each link");
    for (const [nth, line] of lines.entries()) {
      const seq = first + nth - (hasHeader ? 1 : 0);
      const key = seq < first ? "header" : `${chain}/${seq}`;
      if (!this.rows.has(key)) {
        this.rows.set(key, line);
      }
    }
    if (this.loses) {
      throw new Error("the answer was lost");
    }
  };

  /** Returns a verifier's result on its contents. */
  async found() {
    const text = [...this.rows.values()].map((line) => `${line}\n`).join("");
    const { report } = await verify(new TextEncoder().encode(text), { trust: TRUST, threads: 0 });
    return [report.verdict, report.counts.events, report.findings.map(({ code }) => code)];
  }
}

const open = (table: Table, storage?: Storage) =>
  createRecorder({
    key: KEY,
    origin: ORIGIN,
    to: table.write,
    autoFlush: false,
    outbox: storage?.outbox(),
    onError: () => {},
  }).ready();

test("position: identifies repeated lines of a retry, in the same and in the next chain", async () => {
  const table = new Table();
  const audit = await open(table);
  for (let nth = 0; nth < 10; nth++) {
    audit.record({ action: "a.b" });
    table.loses = nth % 3 !== 2;
    await audit.flush().catch(() => {});
    if (nth === 5) {
      await audit.rotate(KEY).catch(() => {});
    }
  }
  table.loses = false;
  await audit.close();
  assert.deepEqual(await table.found(), ["verified", 10, []]);
  const [one, two] = table.chunks;
  assert.deepEqual([one?.first, one?.last, one?.hasHeader], [0, 1, true]);
  assert.deepEqual([two?.first, two?.last, two?.hasHeader], [0, 2, true]);
});

test("position: identifies repeated lines after a restart with an outbox", async () => {
  const [table, storage] = [new Table(), new Storage()];
  const killed = await open(table, storage);
  killed.record({ action: "a.one" });
  await killed.flush();
  killed.record({ action: "a.two" });
  table.loses = true;
  await assert.rejects(killed.flush(), { code: "transport.failed" });
  table.loses = false;
  const next = await open(table, storage);
  next.record({ action: "a.three" });
  await next.close();
  assert.deepEqual(await table.found(), ["partial", 3, ["chain.open"]]);
});

test("position: is passed to transport objects too", async () => {
  const positions: ChunkPosition[] = [];
  const to = memory();
  const write = (chunk: Uint8Array<ArrayBuffer>, position: ChunkPosition) => {
    positions.push(position);
    to(chunk);
  };
  const audit = await createRecorder({
    key: KEY,
    origin: ORIGIN,
    to: { begun: () => true, write },
    autoFlush: false,
  }).ready();
  audit.record({ action: "a.b" });
  await audit.close();
  assert.deepEqual(positions, [{ chain: audit.chain, first: 0, last: 2, hasHeader: false }]);
});
