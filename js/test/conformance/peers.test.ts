/** A log and those who write to it and read it: the program, and the npm package. */

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

/** So many of these are more than the smallest of logs takes at one time. */
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

  test("the program delivers to it and believes its proofs", async () => {
    const before = await log.size();
    for (const round of [0, 1]) {
      const events = Array.from({ length: 150 }, (_, n) => JSON.stringify({ action: "job.update", n, round }));
      const args = ["record", "--key", file("app.key"), "--to", log.url, "--log", LOG.vkey, "--outbox", file("outbox")];
      const said = await run([...args, ...(round === 0 ? ["--open"] : []), "events.ndjson"], {
        "events.ndjson": `${events.join("\n")}\n`,
      });
      assert.equal(said.status, 0, said.stderr);
    }
    // One chain: its open link, the events, and its end.
    assert.equal(await log.size(), before + 302);
    const said = await monitor();
    assert.equal(said.status, 0, said.stdout + said.stderr);
  });

  test("the package's recorder delivers to it and believes its proofs", async () => {
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

  test("a receipt of it satisfies the program", async () => {
    const chain = log.chain().events(2);
    const answer = await log.submit(chain.body());
    const { proof } = (answer.json.chains as Record<string, { proof: string }>)[chain.id] ?? assert.fail();
    const args = ["receipt", "receipt.txt", "--entry", "leaf.txt", "--trust", "trust.txt"];
    const files = { "receipt.txt": proof, "leaf.txt": chain.last.link };
    assert.equal((await run(args, files)).status, 0);
    assert.equal((await run(args, { ...files, "leaf.txt": chain.at(1).link })).status, 1);
  });

  test("its tiles check, whatever grew since", async () => {
    const check = (...more: string[]) => run(["check", log.url, "--trust", "trust.txt", "--json", ...more]);
    const key = new Signer(`example.net/${log.unique()}`, 7);
    const granted = ISSUER.note(["countersign/v1 keys", ORIGIN, `grant ${key.vkey} - -`, ""].join("\n"));
    for (const events of [5, 300]) {
      await log.take(body(JSON.stringify({ note: granted })) + log.chain(key).events(events).body());
      const said = await check("--save-pin", file("pin.txt"), ...(events === 5 ? [] : ["--pin", file("pin.txt")]));
      const { verdict, tiles, report } = JSON.parse(said.stdout);
      // No tile holds an event.
      assert.deepEqual([said.status, verdict], [4, "partial"], said.stdout);
      assert.deepEqual(tiles.finding_counts, {});
      assert.equal(report.log.size, await log.size());
      assert.equal(report.checks.append_only.state, events === 5 ? "not_checked" : "pass");
      assert.equal((await monitor()).status, 0);
    }
  });

  test("an export verifies the same in the program and in the package", async () => {
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

  test("the program gets exports from it", async () => {
    const args = ["export", "--dir", log.url, "--token-file", file("token.txt"), "-o", file("export.ndjson")];
    for (const [more, query] of [
      [[], ""],
      [["--actor", "u_3", "--limit", "2"], "?actor=u_3&limit=2"],
      [["--range", "3..50"], "?from=3&to=50"],
    ] as const) {
      const said = await run([...args, ...more]);
      assert.equal(said.status, 0, said.stderr);
      const got = readFileSync(file("export.ndjson"), "utf8");
      assert.deepEqual(shown(readExport(got)), shown(readExport(await log.export(query, AUDITOR))), query);
    }
  });

  test("a monitor finds nothing after a restart either", { skip: log.lasting }, async () => {
    await log.restart();
    await log.goesOn();
    const said = await monitor();
    assert.equal(said.status, 0, said.stdout + said.stderr);
  });

  test("both deliver much in as many parts as it takes", async () => {
    const before = await log.size();
    const events = Array.from({ length: 45 }, (_, n) => ({ action: "job.update", metadata: { long: LONG, n } }));
    const args = ["record", "--key", file("app.key"), "--to", log.url, "--log", LOG.vkey, "events.ndjson"];
    const said = await run(args, { "events.ndjson": events.map((event) => JSON.stringify(event)).join("\n") });
    assert.equal(said.status, 0, said.stderr);
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
