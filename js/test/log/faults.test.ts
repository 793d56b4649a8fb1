/** Tests a Durable Object's log whose storage fails. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chain } from "../conformance/chain.ts";
import { readExport } from "../conformance/export.ts";
import { ask } from "../conformance/http.ts";
import { AUDITOR, DESK, EMITTERS, ORIGIN, SETUP } from "../conformance/setup.ts";
import { startLog } from "./start.ts";

test("log: a submission is atomic whichever statement fails, and the log continues", async () => {
  const worker = fileURLToPath(new URL("worker-of-faults.ts", import.meta.url));
  const log = await startLog({ ...SETUP, worker });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const size = async () => Number((await ask(log.url, "/checkpoint")).text.split("\n")[1]);
  try {
    const first = Chain.begin(EMITTERS[0], ORIGIN, "first");
    assert.equal((await ask(log.url, "/submit", { method: "POST", body: first.body() })).status, 200);
    // A new chain for each failing statement, until none fails.
    for (let statement = 1, failed = true; failed; statement += 1) {
      assert.ok(statement < 100, "some statement must be the last");
      const body = Chain.begin(EMITTERS[1], ORIGIN, `fault ${statement}`).events(60).body();
      const before = await size();
      await ask(log.url, `/fail/${statement}`);
      const answer = await ask(log.url, "/submit", { method: "POST", body });
      await ask(log.url, "/fail/0");
      failed = answer.status !== 200;
      if (failed) {
        answer.refusal(503, "server.unavailable");
        assert.ok([before, before + 61].includes(await size()), `${statement}`);
      }
      const again = await ask(log.url, "/submit", { method: "POST", body });
      assert.equal(again.status, 200, again.text);
      assert.equal(await size(), before + 61);
      assert.ok(!failed || statement < 90);
    }
    // An erasure is recorded before it is done, and can be repeated.
    const place = `${first.id}/1`;
    const event = first.events(1).body(1);
    assert.equal((await ask(log.url, "/submit", { method: "POST", body: event })).status, 200);
    const erase = () =>
      ask(log.url, "/erase", {
        method: "POST",
        headers: bearer(DESK),
        body: JSON.stringify({ events: [place], reason: "case 1" }),
      });
    for (let statement = 1, failed = true; failed; statement += 1) {
      await ask(log.url, `/fail/${statement}`);
      failed = (await erase()).status !== 200;
      await ask(log.url, "/fail/0");
    }
    await log.restart({ ...SETUP, worker });
    const { entries } = readExport((await ask(log.url, "/export", { headers: bearer(AUDITOR) })).text);
    assert.equal(entries.length, await size());
    assert.equal(entries.filter(({ withheld }) => withheld === "erased").length, 1);
    assert.ok(entries.some(({ event }) => event?.action === "log.erase"));
  } finally {
    await log.close();
  }
});
