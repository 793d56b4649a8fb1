/** Tests the quota of each key. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Answer } from "./http.ts";
import { KINDS, Log, TIMEOUT_MS } from "./log.ts";
import { EMITTERS } from "./setup.ts";

for (const kind of KINDS.filter(({ restarts }) => restarts)) {
  describe(kind.name, { skip: kind.skip, timeout: TIMEOUT_MS }, () => {
    const log = new Log(kind);
    // A used up quota takes hours to refill.
    before(() => log.start({ quota: { events: 1, bytes: 1_000_000, burst: 10_000 } }));
    after(() => log.close());

    const refused = (answer: Answer) => {
      assert.deepEqual(answer.refusal(429, "submit.quota"), {});
      assert.ok(Number(answer.headers["retry-after"]) >= 1);
    };

    test("quota: a key that exceeds it gets a retry time, and nothing is accepted", async () => {
      const [spender, honest] = [EMITTERS[0], EMITTERS[1]];
      const chain = log.chain(spender);
      // A single submission may exceed the remaining quota.
      for (const events of [4_000, 4_000, 4_000]) {
        const from = chain.lines.length === 1 ? 0 : chain.lines.length;
        await log.take(chain.events(events).body(from));
      }
      const size = await log.size();
      const more = chain.events(1).body(chain.lines.length - 1);
      refused(await log.submit(more));
      // The quota is per key: other chains of the key are rejected, even together with another key's.
      refused(await log.submit(log.chain(spender).events(1).body()));
      refused(await log.submit(log.chain(honest).events(1).body() + log.chain(spender).events(1).body()));
      assert.equal(await log.size(), size);
      const { text } = await log.get("/metrics");
      assert.match(text, /^countersign_submissions_total\{outcome="quota"\} 3$/m);
      await log.take(log.chain(honest).events(3).body());
    });

    test("quota: unsigned submissions don't use up another key's quota", async () => {
      const [, , honest] = EMITTERS;
      const chain = log.chain(honest);
      for (let time = 1; time <= 4; time += 1) {
        const forged = log.chain(honest).events(3_999);
        forged.event({ action: "job.update" }, { by: EMITTERS[0] });
        (await log.submit(forged.body())).refusal(400, "signature.invalid");
      }
      await log.take(chain.events(1).body());
    });
  });
}
