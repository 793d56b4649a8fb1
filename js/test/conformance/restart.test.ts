/** Tests that a restarted log is unchanged. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { body, type Chain } from "./chain.ts";
import { readExport } from "./export.ts";
import { Signer } from "./keys.ts";
import { type Log, onEachLog } from "./log.ts";
import { verify } from "./program.ts";
import { AUDITOR, DESK, EMITTERS, ISSUER, LOG, ORIGIN, SETUP } from "./setup.ts";
import { bundlesOf, pathOf, tilesOf } from "./tiles.ts";
import { leafHash, root } from "./tree.ts";

/** Returns everything that readers can get from a log. */
async function everything(log: Log, chains: readonly Chain[]): Promise<Record<string, string>> {
  const size = await log.size();
  const paths = [
    "/checkpoint",
    ...[...tilesOf(size), ...bundlesOf(size)].map(pathOf),
    "/export",
    "/export?actor=u_3",
    "/export?q=update&limit=3",
    "/export?from=3&to=200",
    ...chains.map(({ id }) => `/proof/${id}/2`),
  ];
  const answers = paths.map(async (path) => {
    const answer = await log.get(path, AUDITOR);
    assert.equal(answer.status, 200, path);
    return [path, answer.body.toString("base64")] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

onEachLog((log) => {
  const chains: Chain[] = [];

  test("restart: keeps everything byte for byte", { skip: log.lasting }, async () => {
    for (const key of EMITTERS) {
      chains.push(log.chain(key));
    }
    await log.take(body(...chains.map((chain) => chain.at(0))));
    for (let round = 0; round < 3; round++) {
      for (const chain of chains) {
        await log.take(chain.events(40).body(chain.lines.length - 40));
      }
    }
    const key = new Signer("example.net/kept", 7);
    const granted = ISSUER.note(["countersign/v1 keys", ORIGIN, `grant ${key.vkey} - -`, ""].join("\n"));
    const chain = log.chain(key);
    await log.take(body(JSON.stringify({ note: granted })) + chain.events(2).body());
    chains.push(chain);
    const before = await everything(log, chains);
    for (let time = 0; time < 2; time++) {
      await log.restart();
      assert.deepEqual(await everything(log, chains), before);
    }
    assert.equal((await log.get("/healthz")).status, 200);
  });

  test("restart: remembers chains, keys, and forks", { skip: log.lasting }, async () => {
    const size = await log.size();
    for (const chain of chains) {
      const { repeated } = await log.take(chain.body());
      assert.equal(repeated, chain.lines.length);
      const twin = chain.twin();
      const seq = chain.lines.length;
      await log.take(chain.events(1).body(seq));
      twin.event({ other: true });
      const fork = (await log.submit(twin.body(seq))).refusal(409, "log.fork");
      assert.deepEqual([fork.chain, fork.seq], [chain.id, seq]);
      const gap = (await log.submit(chain.events(2).body(seq + 2))).refusal(409, "log.gap");
      assert.equal(gap.expected, seq + 1);
    }
    assert.equal(await log.size(), size + chains.length);
  });

  test("restart: continues under a new key of the same name", { skip: log.lasting }, async () => {
    const before = await log.checkpoint();
    const key = new Signer(ORIGIN, 2);
    await log.restart({ key: key.secret, newKey: key.vkey, trust: SETUP.trust.replace(LOG.vkey, key.vkey) });
    assert.deepEqual(await log.checkpoint(key.vkey), before);
    const answer = await log.submit(log.chain().events(1).body());
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await log.checkpoint(key.vkey)).size, before.size + 2);
    await log.restart({ newKey: LOG.vkey });
    assert.equal((await log.checkpoint()).size, before.size + 2);
    assert.equal((await verify((await log.get("/export", AUDITOR)).text)).checks.log.state, "pass");
  });

  test("restart: keeps events erased", { skip: log.lasting }, async () => {
    const chain = log.chain();
    chain.event({ mail: "ann.secret@example.com" });
    await log.take(chain.body());
    const answer = await log.erase({ events: [`${chain.id}/1`], reason: "case 1" }, DESK);
    assert.equal(answer.status, 200, answer.text);
    await log.restart();
    assert.ok(!(await log.export("", AUDITOR)).includes("ann.secret"));
    assert.equal((await verify(await log.export("", AUDITOR))).counts.withheld, 1);
  });

  test("restart: after a kill during work, has everything confirmed exactly once", { skip: log.lasting }, async () => {
    const before = await log.size();
    const working = Array.from({ length: 6 }, (_, number) => log.chain(EMITTERS[number % 3]));
    const acknowledged = new Map<string, number>();
    let answers = 0;
    let checkpoint = await log.checkpoint();
    const enough = Promise.withResolvers<void>();
    const works = working.map(async (chain) => {
      for (let from = 0; ; from = chain.lines.length) {
        const text = chain.events(2).body(from);
        // The log was killed, so the outcome of this submission is unknown.
        const taken = await log.take(text).catch((error) => {
          assert.ok(!(error instanceof assert.AssertionError), error);
          return undefined;
        });
        if (taken === undefined) {
          return;
        }
        checkpoint = taken.checkpoint.size > checkpoint.size ? taken.checkpoint : checkpoint;
        acknowledged.set(chain.last.link, taken.chains.get(chain.id)?.index ?? -1);
        answers += 1;
        if (answers === 30) {
          enough.resolve();
        }
      }
    });
    await enough.promise;
    await Promise.all([log.kill(), ...works]);
    const { entries } = readExport(await log.export("", AUDITOR));
    for (const [link, index] of acknowledged) {
      assert.equal(entries[index]?.link, link);
    }
    assert.deepEqual(
      Buffer.from(root(entries.slice(0, checkpoint.size).map(({ link, note }) => leafHash(link ?? note ?? "")))),
      checkpoint.root,
    );
    // Resending each chain as a whole must find each link exactly once.
    for (const chain of working) {
      await log.take(chain.body());
    }
    const sent = working.reduce((sum, chain) => sum + chain.lines.length, 0);
    assert.equal(await log.size(), before + sent);
    assert.equal((await verify(await log.export("", AUDITOR))).checks.chains.state, "pass");
  });
});
