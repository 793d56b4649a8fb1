/** Tests a Durable Object's log whose WebAssembly traps, and one whose alarm fails. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chain } from "../conformance/chain.ts";
import { ask } from "../conformance/http.ts";
import { Signer } from "../conformance/keys.ts";
import { AUDITOR, EMITTERS, LOG, ORIGIN, SETUP } from "../conformance/setup.ts";
import { eventually, until } from "../eventually.ts";
import { type RunningLog, startLog } from "./start.ts";

const OTHER = new Signer("other.example/audit", 2);

let log: RunningLog;
before(async () => {
  const worker = fileURLToPath(new URL("worker-of-stops.ts", import.meta.url));
  log = await startLog({ ...SETUP, key: `${LOG.secret}\n${OTHER.secret}\n`, worker });
});
after(() => log.close());

const at = (path: string, of = ORIGIN) =>
  ask(log.url, path, { headers: { "x-log": of, authorization: `Bearer ${AUDITOR}` } });
const submit = (chain: Chain, of = ORIGIN, from = 0) =>
  ask(log.url, "/submit", { method: "POST", headers: { "x-log": of }, body: chain.body(from) });
/** Submits, retrying while the log restarts. */
const submitUntilAccepted = (chain: Chain, of: string) =>
  eventually(
    "the log takes it",
    async () => (await submit(chain, of)).status,
    (status) => status === 200,
    20_000,
  );

const chains = new Map([ORIGIN, OTHER.name].map((of) => [of, Chain.begin(EMITTERS[0], of, "stops")]));

/** Asserts that both logs contain everything that they accepted. */
async function areWhole(): Promise<void> {
  for (const [of, chain] of chains) {
    await submitUntilAccepted(chain.events(1), of);
    const lines = (await at("/export", of)).text.split("\n");
    const links = lines.filter((line) => line.startsWith('{"link"')).map((line) => JSON.parse(line).link);
    assert.deepEqual(
      links,
      chain.lines.map(({ link }) => link),
    );
  }
}

test("crash: a log out of memory restarts, with all logs of its instance", async () => {
  await areWhole();
  await at("/exhaust");
  const large = chains.get(ORIGIN)?.events(2_000) ?? assert.fail();
  (await submit(large)).refusal(503, "server.unavailable");
  await log.hears(/WebAssembly crashed|unreachable/);
  await until("the log starts over", async () => (await at("/renewed")).text === "true");
  await areWhole();
});

for (const [part, path] of [
  ["answer", "/checkpoint"],
  ["piece", "/export"],
  ["nextStep", "/stream"],
  ["copy", "/alarm/now"],
] as const) {
  test(`crash: restarts after a trap in ${part}`, async () => {
    await areWhole();
    await at(`/stop/${part}`);
    await at(path).catch(() => {});
    assert.equal((await at("/renewed")).text, "true");
    await areWhole();
  });
}

test("alarm: a failing alarm is retried, and a lost one is made up for", async () => {
  await areWhole();
  await at("/rest").catch(() => {});
  await at("/break/on");
  assert.notEqual((await at("/alarm/now")).text, "null");
  await at("/break/off");
  await at("/rest").catch(() => {});
  assert.equal((await at("/alarm")).text, "null");
  await at("/checkpoint");
  await until("an alarm is set", async () => (await at("/alarm")).text !== "null");
});
