/** Checkpoints that a witness has to see before they are published. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KINDS, Log, PATIENCE } from "./log.ts";
import { run, TRUST, verify } from "./program.ts";
import { AUDITOR, LOG, SETUP } from "./setup.ts";
import { openCheckpoint } from "./tree.ts";
import { Witness } from "./witness.ts";

for (const kind of KINDS.filter(({ restarts }) => restarts)) {
  describe(kind.name, { skip: kind.skip, timeout: PATIENCE }, () => {
    const witness = new Witness(LOG.vkey);
    const log = new Log(kind);
    let quorum = "";

    before(async () => {
      quorum = `witness w1 ${witness.key.vkey} ${await witness.listen()}\nquorum w1\n`;
      await log.start({ trust: SETUP.trust + quorum });
    });
    after(async () => {
      await log.close();
      witness.close();
    });

    const published = async () => (await log.get("/checkpoint")).text;
    const health = async () => {
      const answer = await log.get("/healthz");
      assert.equal(answer.status, 200);
      return answer.json.published as { size: number; witnessed: boolean };
    };

    test("a submission is answered when its checkpoint was seen", async () => {
      for (const events of [1, 5, 30, 200, 60]) {
        const time = witness.now;
        const { checkpoint } = await log.take(log.chain().events(events).body());
        const note = await published();
        assert.deepEqual(openCheckpoint(note, LOG.vkey), checkpoint);
        assert.ok(Number(witness.cosigned(note)) > time, note);
        assert.deepEqual([(await health()).size, (await health()).witnessed], [checkpoint.size, true]);
      }
    });

    test("several at once, too", async () => {
      const chains = Array.from({ length: 8 }, () => log.chain().events(2));
      const taken = await Promise.all(chains.map((chain) => log.take(chain.body())));
      const note = await published();
      assert.notEqual(witness.cosigned(note), undefined);
      assert.equal(openCheckpoint(note, LOG.vkey).size, Math.max(...taken.map(({ checkpoint }) => checkpoint.size)));
    });

    test("who asks for the quorum is satisfied by proofs and exports", async () => {
      const chain = log.chain().events(3);
      const answer = await log.submit(chain.body());
      const { proof } = (answer.json.chains as Record<string, { proof: string }>)[chain.id] ?? assert.fail();
      assert.notEqual(witness.cosigned(String(answer.json.checkpoint)), undefined);
      const args = ["receipt", "receipt.txt", "--entry", "leaf.txt", "--trust", "trust.txt"];
      const files = { "receipt.txt": proof, "leaf.txt": chain.last.link, "trust.txt": TRUST + quorum };
      assert.equal((await run(args, files)).status, 0);
      const report = await verify(await log.export("", AUDITOR), [], TRUST + quorum);
      assert.equal(report.checks.witnesses.state, "pass");
      assert.equal(report.log?.time, new Date(Number(witness.cosigned(await published())) * 1000).toISOString());
    });

    test("a log that was started again learns where its witness is", async () => {
      await log.restart({ trust: SETUP.trust + quorum });
      await log.take(log.chain().events(3).body());
      assert.notEqual(witness.cosigned(await published()), undefined);
    });

    test("a log goes on without a witness that fails, and says so", async () => {
      witness.failing = true;
      const { checkpoint } = await log.take(log.chain().events(2).body());
      const note = await published();
      assert.deepEqual(openCheckpoint(note, LOG.vkey), checkpoint);
      assert.equal(witness.cosigned(note), undefined);
      assert.deepEqual([(await health()).size, (await health()).witnessed], [checkpoint.size, false]);
      const failures = /^countersign_witness_failures_total\{witness="witness\.example"\} [1-9]/m;
      assert.match((await log.get("/metrics")).text, failures);
      witness.failing = false;
      await log.take(log.chain().events(2).body());
      assert.notEqual(witness.cosigned(await published()), undefined);
      assert.equal((await health()).witnessed, true);
    });
  });
}
