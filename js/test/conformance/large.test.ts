/** A log so large that its tiles have a third level. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, body, Chain } from "./chain.ts";
import { readExport } from "./export.ts";
import { onEachLog } from "./log.ts";
import { AUDITOR, EMITTERS, ORIGIN } from "./setup.ts";
import { expected, hashesOf, pathOf, tilesOf } from "./tiles.ts";
import { root } from "./tree.ts";

/** How many leaves are brought at a time. */
const BATCH = 8_000;
const SIZES = [65_535, 65_793];

const chain = Chain.begin(EMITTERS[0], ORIGIN, "large");
for (const size of SIZES) {
  while (chain.lines.length < size) {
    chain.event({}, { sign: chain.lines.length % BATCH === BATCH - 1 || chain.lines.length === size - 1, at: BEGIN });
  }
}
const hashes = hashesOf(chain.lines.map(({ link }) => Buffer.from(link)));
/** The links alone: their events would be much to send. */
const links = (from: number, to: number) =>
  body(...chain.lines.slice(from, to).map(({ link }) => `{"link":"${link}"}`));

onEachLog((log) => {
  test("tiles, proofs and exports lead to each checkpoint where a level begins", async () => {
    let at = 0;
    for (const size of SIZES) {
      while (at < size) {
        const to = Math.min(at + BATCH - (at % BATCH), size);
        const answer = await log.submit(links(at, to));
        assert.equal(answer.status, 200, answer.text);
        at = to;
      }
      const checkpoint = await log.checkpoint();
      assert.equal(checkpoint.size, size);
      assert.deepEqual(Buffer.from(root(hashes[0]?.slice(0, size) ?? [])), checkpoint.root);
      for (const tile of tilesOf(size).filter(({ level, index }) => level !== 0 || index % 32 >= 30)) {
        assert.deepEqual((await log.get(pathOf(tile))).body, expected(tile, hashes), pathOf(tile));
      }
      const exported = readExport(await log.export("", AUDITOR));
      assert.deepEqual([exported.range, exported.entries.length], [[0, size], size]);
      assert.ok(exported.entries.every(({ link }, index) => link === chain.lines[index]?.link));
      for (const seq of [0, 255, 256, 32_768, 65_279, 65_280, size - 1]) {
        const { chains, repeated } = await log.take(links(seq, seq + 1));
        assert.deepEqual([repeated, chains.get(chain.id)], [1, { seq, index: seq }]);
      }
    }
  });
});
