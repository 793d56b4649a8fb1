/** Tests that a Durable Object's live view only shows durable entries. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chain } from "../conformance/chain.ts";
import { ask, send } from "../conformance/http.ts";
import { AUDITOR, EMITTERS, ORIGIN, SETUP } from "../conformance/setup.ts";
import { until } from "../eventually.ts";
import { startLog } from "./start.ts";

test("log: a live view shows only durable entries", async () => {
  const worker = fileURLToPath(new URL("worker-of-slow-writes.ts", import.meta.url));
  const log = await startLog({ ...SETUP, worker });
  try {
    const chain = Chain.begin(EMITTERS[0], ORIGIN, "live");
    const submit = async (body: string) => {
      const answer = await ask(log.url, "/submit", { method: "POST", body });
      assert.equal(answer.status, 200, answer.text);
    };
    await submit(chain.body());

    let seen = "";
    const view = await send(log.url, "/stream", { headers: { authorization: `Bearer ${AUDITOR}` } });
    view.setEncoding("utf8").on("data", (text) => {
      seen += text;
    });
    const isTold = (size: number) => seen.includes(`${ORIGIN}\\n${size}\\n`);
    for (const size of [1, 4, 9]) {
      if (size > 1) {
        const from = chain.lines.length;
        await submit(chain.events(size - from).body(from));
      }
      await until("the object awaits its storage", async () => (await ask(log.url, "/awaited")).text === "1");
      assert.ok(!isTold(size), seen);
      await until(`the view reports ${size} entries`, async () => {
        await ask(log.url, "/durable");
        return isTold(size);
      });
    }
    view.destroy();
  } finally {
    await log.close();
  }
});
