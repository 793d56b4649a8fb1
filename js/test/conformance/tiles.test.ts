/** Tests the public side of a log: checkpoint, tiles, and bundles (C2SP tlog-tiles). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { body, type Chain } from "./chain.ts";
import { type Log, onEachLog } from "./log.ts";
import { EMITTERS } from "./setup.ts";
import { bundlesOf, entriesOf, expected, hashesOf, pathOf, tilesOf } from "./tiles.ts";
import { type Checkpoint, leafHash, root } from "./tree.ts";

const FOREVER = "public, max-age=31536000, immutable";

/** Returns all entries of the log from its bundles. */
async function logEntries(log: Log, size: number): Promise<Buffer[]> {
  const bundles = bundlesOf(size).map(async (bundle) => {
    const answer = await log.get(pathOf(bundle));
    assert.equal(answer.status, 200, pathOf(bundle));
    return entriesOf(answer.body, bundle.width);
  });
  return (await Promise.all(bundles)).flat();
}

const rootOf = (entries: readonly Uint8Array[]) => Buffer.from(root(entries.map(leafHash)));

onEachLog((log) => {
  const seen: Checkpoint[] = [];
  const chains: Chain[] = [];

  test("tiles: a log begins with a checkpoint", async () => {
    const answer = await log.get("/checkpoint");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert.equal(answer.headers["cache-control"], "no-cache");
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
    seen.push(await log.checkpoint());
  });

  test("tiles: a submission's checkpoint is published before the response", async () => {
    for (const links of [1, 1, 2, 60, 191, 1, 1, 255, 130]) {
      const chain = log.chain(EMITTERS[chains.length % 3]).events(links - 1);
      chains.push(chain);
      const { checkpoint } = await log.take(chain.body());
      assert.deepEqual(await log.checkpoint(), checkpoint);
      assert.equal(checkpoint.size, (seen.at(-1)?.size ?? 0) + links);
      seen.push(checkpoint);
    }
  });

  test("tiles: entries are in order and lead to every checkpoint's root", async () => {
    const { size } = await log.checkpoint();
    const entries = await logEntries(log, size);
    assert.equal(entries.length, size);
    const submitted = chains.flatMap((chain) => chain.lines.map(({ link }) => link));
    assert.deepEqual(entries.slice(seen[0]?.size).map(String), submitted);
    for (const checkpoint of seen) {
      assert.deepEqual(rootOf(entries.slice(0, checkpoint.size)), checkpoint.root, `size ${checkpoint.size}`);
    }
  });

  test("tiles: each tile contains the hashes of the entries below it", async () => {
    const { size } = await log.checkpoint();
    const hashes = hashesOf(await logEntries(log, size));
    const tiles = tilesOf(size);
    assert.ok(tiles.some(({ level }) => level === 1) && tiles.some(({ level, width }) => level === 0 && width === 256));
    for (const tile of tiles) {
      const answer = await log.get(pathOf(tile));
      assert.equal(answer.status, 200, pathOf(tile));
      assert.deepEqual(answer.body, expected(tile, hashes), pathOf(tile));
    }
    for (const tile of [...tiles, ...bundlesOf(size)]) {
      const { headers } = await log.get(pathOf(tile));
      assert.equal(headers["content-type"], "application/octet-stream");
      assert.equal(headers["cache-control"], FOREVER);
      assert.equal(headers["x-content-type-options"], "nosniff");
    }
  });

  test("tiles: partial tiles of earlier checkpoints stay available", async () => {
    const { size } = await log.checkpoint();
    const entries = await logEntries(log, size);
    const hashes = hashesOf(entries);
    for (const { size: older } of seen) {
      for (const tile of tilesOf(older)) {
        assert.deepEqual((await log.get(pathOf(tile))).body, expected(tile, hashes), pathOf(tile));
      }
      assert.deepEqual(await logEntries(log, older), entries.slice(0, older));
    }
    for (const width of [1, 2, 77, 254, 255]) {
      for (const level of [0, "entries"] as const) {
        assert.equal((await log.get(pathOf({ level, index: 1, width }))).status, 200, `${level} ${width}`);
      }
    }
  });

  test("tiles: nothing beyond the checkpoint is available", async () => {
    const { size } = await log.checkpoint();
    const [index, width] = [Math.floor(size / 256), size % 256];
    for (const level of [0, "entries"] as const) {
      for (const [place, wide] of [
        [index, width + 1],
        [index, 256],
        [index + 1, 1],
        [index + 1, 256],
      ] as const) {
        const path = pathOf({ level, index: place, width: wide });
        (await log.get(path)).refusal(404, "request.not_found");
      }
    }
    const level = Math.floor(size / 256);
    (await log.get(pathOf({ level: 1, index: 0, width: level + 1 }))).refusal(404, "request.not_found");
    (await log.get("/tile/1/000")).refusal(404, "request.not_found");
    (await log.get("/tile/2/000.p/1")).refusal(404, "request.not_found");
  });

  test("tiles: rejects invalid and ambiguous paths", async () => {
    for (const path of [
      "/tile/0/000.p/0",
      "/tile/0/000.p/256",
      "/tile/0/000.p/044",
      "/tile/0/000.p/-1",
      "/tile/0/000.p/+1",
      "/tile/0/000.p/1.0",
      "/tile/0/000.p/",
      "/tile/0/000.p",
      "/tile/0/000.p/1/",
      "/tile/00/000",
      "/tile/-1/000",
      "/tile/64/000",
      "/tile/256/000",
      "/tile/18446744073709551616/000",
      "/tile/0/0",
      "/tile/0/0000",
      "/tile/0/x000/000",
      "/tile/0/000/",
      "/tile/0/x001",
      "/tile/0/X000",
      "/tile/0/x999/x999/x999/x999/x999/x999/999",
      "/tile/entries/x018/x446/x744/x073/x709/x551/615",
      "/tile/entries/x036/x028/x797/x018/x963/967.p/255",
      "/tile/0/x036/x028/x797/x018/x963/967",
      "/tile/entries/",
      "/tile/entries",
      "/tile/Entries/000",
      "/tile/data/000",
      "/tile/",
      "/tile",
      "/tile/0",
      "/tile//0/000",
      "//tile/0/000",
      "/./tile/0/000",
      "/tile/../checkpoint",
      "/tile/0/../../checkpoint",
      "/tile/%2e%2e/%2e%2e/log.sqlite",
      "/tile/0/%30%30%30",
      "/tile/0/000%2ep/1",
      "/tile%2f0%2f000",
      "/tile/0/000%00",
      "/tile/0/000%2fx",
      "/tile/0/000%2F..%2F000",
      "/tile/..%5c..%5clog.sqlite",
      "/tile/..\\..\\log.sqlite",
      "/tile/0/%D9%A0%D9%A0%D9%A0",
      "/tile/../../../../etc/passwd",
      "/../log.key",
      "/log.key",
      "/log.sqlite",
      "/readers.txt",
      "/trust.txt",
      "/private/key",
      "/public/checkpoint",
      "/checkpoint/",
      "/Checkpoint",
      "/checkpoint%00",
      "/check%70oint",
      `/tile/0/${"x000/".repeat(2_000)}000`,
    ]) {
      const answer = await log.get(path);
      // Clients that follow the URL standard normalize paths before they are routed.
      const tidied = new URL(path, log.url);
      if (tidied.pathname !== path && tidied.origin === log.url && answer.status === 200) {
        assert.deepEqual(answer.body, (await log.get(tidied.pathname)).body, path);
      } else if (answer.status !== 400 || answer.body.length > 0) {
        answer.refusal(404, "request.not_found");
      }
    }
  });

  test("tiles: ignores a query", async () => {
    assert.equal((await log.get("/tile/0/000?x=../../y")).status, 200);
    assert.equal((await log.get("/checkpoint?")).status, 200);
  });

  test("tiles: contain no events", async () => {
    const secret = "ann.secret@example.com";
    const chain = log.chain();
    chain.event({ actor: { id: secret }, action: "user.create" });
    await log.take(body(...chain.lines));
    const { size } = await log.checkpoint();
    for (const tile of [...tilesOf(size), ...bundlesOf(size)]) {
      assert.ok(!(await log.get(pathOf(tile))).body.includes(secret));
    }
  });

  test("tiles: HEAD returns GET without a body", async () => {
    for (const path of ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/tile/0/000.p/1", "/tile/9/000"]) {
      const [get, head] = [await log.get(path), await log.ask(path, { method: "HEAD" })];
      assert.deepEqual([head.status, head.body.length], [get.status, 0], path);
      for (const name of ["content-type", "cache-control"]) {
        assert.equal(head.headers[name], get.headers[name], `${path}: ${name}`);
      }
    }
  });
});
