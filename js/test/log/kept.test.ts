/** Tests that a Durable Object's log keeps what it confirmed across kills of its process. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Chain } from "../conformance/chain.ts";
import { readExport } from "../conformance/export.ts";
import { ask } from "../conformance/http.ts";
import { AUDITOR, EMITTERS, LOG, ORIGIN, SETUP } from "../conformance/setup.ts";
import { openCheckpoint } from "../conformance/tree.ts";
import { startLog } from "./start.ts";

test("log: keeps everything confirmed after workerd is killed, and never goes back", {
  skip: process.platform === "linux" ? false : "needs /proc",
}, async () => {
  const log = await startLog(SETUP);
  try {
    const chains = EMITTERS.map((key, number) => Chain.begin(key, ORIGIN, `kept ${number}`));
    /** The confirmed `seq` of each chain, and the largest checkpoint seen. */
    const answered = chains.map(() => -1);
    let seen = { size: 0, note: "" };
    for (let round = 1; round <= 3; round += 1) {
      let killed = false;
      const submit = async (number: number) => {
        const chain = chains[number] ?? assert.fail();
        for (;;) {
          // Resends unacknowledged links together with new ones.
          const from = (answered[number] ?? 0) + 1;
          if (chain.last.seq < from + 5) {
            chain.events(5);
          }
          const answer = await ask(log.url, "/submit", { method: "POST", body: chain.body(from) });
          if (killed && answer.status !== 200) {
            throw new Error(answer.text);
          }
          assert.equal(answer.status, 200, answer.text);
          answered[number] = chain.last.seq;
          const { checkpoint } = answer.json as { checkpoint: string };
          const { size } = openCheckpoint(checkpoint, LOG.vkey);
          if (size > seen.size) {
            seen = { size, note: checkpoint };
          }
          if (seen.size > 300 * round) {
            killed = true;
            log.kill();
          }
        }
      };
      const failures = await Promise.allSettled(chains.map((_, number) => submit(number)));
      for (const failure of failures) {
        assert.ok(
          failure.status === "rejected" && !(failure.reason instanceof assert.AssertionError),
          String(failure.status === "rejected" ? failure.reason : "it ended"),
        );
      }
      await log.restart(SETUP);
      const exported = await ask(log.url, "/export", { headers: { authorization: `Bearer ${AUDITOR}` } });
      const { entries, checkpoints } = readExport(exported.text);
      const links = new Set(entries.map(({ link }) => link));
      assert.equal(links.size, entries.length, "no entry is repeated");
      for (const [number, chain] of chains.entries()) {
        for (const { link } of chain.lines.slice(0, (answered[number] ?? 0) + 1)) {
          assert.ok(links.has(link), link);
        }
      }
      assert.ok((checkpoints.at(-1) ?? 0) >= seen.size);
    }
  } finally {
    await log.close();
  }
});
