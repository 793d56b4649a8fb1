/** Tests the settings of a Durable Object's log, and errors in them. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chain } from "../conformance/chain.ts";
import { ask } from "../conformance/http.ts";
import { Signer } from "../conformance/keys.ts";
import { EMITTERS, LOG, ORIGIN, PAGE, SETUP } from "../conformance/setup.ts";
import { openCheckpoint } from "../conformance/tree.ts";
import { type LogSetup, type RunningLog, startLog } from "./start.ts";

const running: RunningLog[] = [];
after(() => Promise.all(running.map((log) => log.close())));

async function start(setup: LogSetup): Promise<RunningLog> {
  const log = await startLog(setup);
  running.push(log);
  return log;
}

test("settings: two logs of a namespace are independent", async () => {
  const other = new Signer("other.example/audit", 2);
  const worker = fileURLToPath(new URL("worker-of-two.ts", import.meta.url));
  const log = await start({ ...SETUP, key: `${LOG.secret}\n${other.secret}\n`, worker });
  const submit = (origin: string, events: number) =>
    ask(log.url, "/submit", {
      method: "POST",
      headers: { "x-log": origin },
      body: Chain.begin(EMITTERS[0], origin, "two").events(events).body(),
    });
  for (const [origin, events] of [
    [ORIGIN, 3],
    [other.name, 5],
  ] as const) {
    const answer = await submit(origin, events);
    assert.equal(answer.status, 200, answer.text);
  }
  for (const [key, size] of [
    [LOG, 4],
    [other, 6],
  ] as const) {
    const checkpoint = await ask(log.url, "/checkpoint", { headers: { "x-log": key.name } });
    assert.equal(openCheckpoint(checkpoint.text, key.vkey).size, size);
  }
  // An unknown log is not found, and a chain for one log is rejected by the other.
  const nobody = await ask(log.url, "/checkpoint", { headers: { "x-log": "third.example" } });
  nobody.refusal(503, "server.unavailable");
  const none = await ask(log.url, "/checkpoint", { headers: { origin: PAGE } });
  none.refusal(404, "request.not_found");
  assert.equal(none.headers["access-control-allow-origin"], PAGE);
  const wrong = Chain.begin(EMITTERS[0], ORIGIN, "wrong").events(1).body();
  const refused = await ask(log.url, "/submit", { method: "POST", headers: { "x-log": other.name }, body: wrong });
  refused.refusal(403, "log.unauthorized");
});

const secret = LOG.secret.slice(-20);

for (const [name, change, said] of [
  ["no key", { key: "" }, /AUDIT_LOG_KEY.*countersign keygen/s],
  ["a public key in its place", { key: LOG.vkey }, /AUDIT_LOG_KEY.*PRIVATE\+KEY/s],
  ["a key that is cut off", { key: LOG.secret.slice(0, -30) }, /key/],
  ["a witness's key", { key: new Signer(ORIGIN, 1, 4).secret }, /type 0x01/],
  ["a trust file that is none", { trust: "emiter x\n" }, /trust.*line 1/s],
  ["readers that are none", { readers: "csr_00 read me\n" }, /readers.*line 1/s],
  ["a page that is none", { cors: ["dashboard.example"] }, /dashboard\.example/],
] as const) {
  test(`settings: with ${name}, the log returns 503 and logs the reason`, async () => {
    const log = await start({ ...SETUP, ...change });
    for (const path of ["/checkpoint", "/healthz", "/"]) {
      const answer = await ask(log.url, path, { headers: { origin: PAGE } });
      answer.refusal(503, "server.unavailable");
      // Allowed pages can read the error and the retry time.
      assert.equal(answer.headers["access-control-allow-origin"], "cors" in change ? undefined : PAGE);
      assert.match(answer.headers["access-control-expose-headers"] ?? "", /retry-after/);
      assert.equal(answer.headers.vary, "origin");
    }
    await log.hears(said);
    assert.ok(!log.said().includes(secret), "no secret is printed");
    // Nothing is lost.
    await log.restart(SETUP);
    assert.equal((await ask(log.url, "/healthz")).status, 200);
  });
}
