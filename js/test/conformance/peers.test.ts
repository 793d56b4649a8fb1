/** Tests a log with its clients: the program, and the npm package. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createRecorder, type Receipt } from "countersign";
import { verify as verifyWithPackage } from "countersign/verify";
import { body } from "./chain.ts";
import { readExport, shown } from "./export.ts";
import { Signer } from "./keys.ts";
import { onEachLog } from "./log.ts";
import { run, TRUST, verify } from "./program.ts";
import { AUDITOR, DESK, EMITTERS, ISSUER, LOG, ORIGIN } from "./setup.ts";
import { openProof } from "./tree.ts";

/** Several of these exceed the smallest submission limit. */
const LONG = "x".repeat(200_000);

onEachLog((log) => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-peers-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);

  before(() => {
    writeFileSync(file("app.key"), `${EMITTERS[0].secret}\n`, { mode: 0o600 });
    writeFileSync(file("token.txt"), `${AUDITOR}\n`, { mode: 0o600 });
  });

  const monitor = (...more: string[]) =>
    run(["monitor", log.url, "--trust", "trust.txt", "--state", file("state.json"), "--once", ...more]);

  test("peers: the program delivers and verifies the proofs", async () => {
    const before = await log.size();
    for (const round of [0, 1]) {
      const events = Array.from({ length: 150 }, (_, n) => JSON.stringify({ action: "job.update", n, round }));
      const args = ["record", "--key", file("app.key"), "--to", log.url, "--log", LOG.vkey, "--outbox", file("outbox")];
      const result = await run([...args, ...(round === 0 ? ["--open"] : []), "events.ndjson"], {
        "events.ndjson": `${events.join("\n")}\n`,
      });
      assert.equal(result.status, 0, result.stderr);
    }
    // One chain with its open link, events, and close link.
    assert.equal(await log.size(), before + 302);
    const outcome = await monitor();
    assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
  });

  test("peers: the package's recorder delivers and verifies the proofs", async () => {
    const before = await log.size();
    const recorder = await createRecorder({
      key: EMITTERS[1].secret,
      to: log.url,
      log: LOG.vkey,
      autoFlush: false,
    }).ready();
    const handles = Array.from({ length: 70 }, (_, n) => recorder.record({ action: "job.update", metadata: { n } }));
    await recorder.flush();
    const receipts: Receipt[] = await Promise.all(handles.map((handle) => handle.delivered()));
    await recorder.close();
    assert.equal(await log.size(), before + 72);
    const { entries } = readExport(await log.export("", AUDITOR));
    for (const [n, { index, links, proof }] of receipts.entries()) {
      const leaf = entries.find(({ link }) => link === links[0]);
      assert.deepEqual(leaf?.event?.metadata, { n });
      assert.equal(openProof(proof ?? "", links.at(-1) ?? "", LOG.vkey).index, index);
    }
    assert.equal((await monitor()).status, 0);
  });

  test("peers: the program verifies a receipt", async () => {
    const chain = log.chain().events(2);
    const answer = await log.submit(chain.body());
    const { proof } = (answer.json.chains as Record<string, { proof: string }>)[chain.id] ?? assert.fail();
    const args = ["receipt", "receipt.txt", "--entry", "leaf.txt", "--trust", "trust.txt"];
    const files = { "receipt.txt": proof, "leaf.txt": chain.last.link };
    assert.equal((await run(args, files)).status, 0);
    assert.equal((await run(args, { ...files, "leaf.txt": chain.at(1).link })).status, 1);
  });

  test("peers: the program checks tiles while the log grows", async () => {
    const check = (...more: string[]) => run(["check", log.url, "--trust", "trust.txt", "--json", ...more]);
    const key = new Signer(`example.net/${log.unique()}`, 7);
    const granted = ISSUER.note(["countersign/v1 keys", ORIGIN, `grant ${key.vkey} - -`, ""].join("\n"));
    for (const events of [5, 300]) {
      await log.take(body(JSON.stringify({ note: granted })) + log.chain(key).events(events).body());
      const result = await check("--save-pin", file("pin.txt"), ...(events === 5 ? [] : ["--pin", file("pin.txt")]));
      const { verdict, tiles, report } = JSON.parse(result.stdout);
      // Tiles contain no events.
      assert.deepEqual([result.status, verdict], [4, "partial"], result.stdout);
      assert.deepEqual(tiles.finding_counts, {});
      assert.equal(report.log.size, await log.size());
      assert.equal(report.checks.append_only.state, events === 5 ? "not_checked" : "pass");
      assert.equal((await monitor()).status, 0);
    }
  });

  test("peers: the program and the package verify an export with the same result", async () => {
    const chain = log.chain(EMITTERS[2]).events(9);
    chain.close();
    await log.take(chain.body());
    assert.equal((await log.erase({ events: [`${chain.id}/3`], reason: "case 1" }, DESK)).status, 200);
    for (const query of ["", `?chain=${chain.id}&limit=5`, "?from=100&to=120"]) {
      const text = await log.export(query, AUDITOR);
      const { report } = await verifyWithPackage(Buffer.from(text), { trust: TRUST });
      assert.deepEqual(report, await verify(text), query);
      assert.deepEqual([report.checks.tree.state, report.checks.log.state], ["pass", "pass"]);
    }
    const stranger = { trust: `log ${new Signer(ORIGIN, 9).vkey}\n` };
    const { report } = await verifyWithPackage(Buffer.from(await log.export("", AUDITOR)), stranger);
    assert.equal(report.verdict, "untrusted");
  });

  test("peers: the program downloads exports", async () => {
    const args = ["export", "--dir", log.url, "--token-file", file("token.txt"), "-o", file("export.ndjson")];
    for (const [more, query] of [
      [[], ""],
      [["--actor", "u_3", "--limit", "2"], "?actor=u_3&limit=2"],
      [["--range", "3..50"], "?from=3&to=50"],
    ] as const) {
      const result = await run([...args, ...more]);
      assert.equal(result.status, 0, result.stderr);
      const got = readFileSync(file("export.ndjson"), "utf8");
      assert.deepEqual(shown(readExport(got)), shown(readExport(await log.export(query, AUDITOR))), query);
    }
  });

  test("peers: a monitor finds no problem after a restart", { skip: log.lasting }, async () => {
    await log.restart();
    await log.stillAccepts();
    const result = await monitor();
    assert.equal(result.status, 0, result.stdout + result.stderr);
  });

  test("peers: both clients deliver large amounts in several requests", async () => {
    const before = await log.size();
    const events = Array.from({ length: 45 }, (_, n) => ({ action: "job.update", metadata: { long: LONG, n } }));
    const args = ["record", "--key", file("app.key"), "--to", log.url, "--log", LOG.vkey, "events.ndjson"];
    const result = await run(args, { "events.ndjson": events.map((event) => JSON.stringify(event)).join("\n") });
    assert.equal(result.status, 0, result.stderr);
    const options = {
      key: EMITTERS[1].secret,
      to: log.url,
      log: LOG.vkey,
      autoFlush: false,
      maxWaitingBytes: 64 << 20,
    } as const;
    const recorder = await createRecorder(options).ready();
    for (const event of events) {
      recorder.record(event);
    }
    await recorder.close();
    assert.equal(await log.size(), before + 2 * 47);
  });
});
