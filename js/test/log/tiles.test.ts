/** Tests tiles and bundles in R2. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Chain } from "../conformance/chain.ts";
import { ask } from "../conformance/http.ts";
import { EMITTERS, ORIGIN, PAGE, SETUP } from "../conformance/setup.ts";
import { eventually, until } from "../eventually.ts";
import { type RunningLog, startLog } from "./start.ts";

let log: RunningLog;
before(async () => {
  log = await startLog(SETUP);
});
after(() => log.close());

const chain = Chain.begin(EMITTERS[0], ORIGIN, "tiles");

async function grow(events: number): Promise<void> {
  const from = chain.last.seq;
  const body = chain.events(events).body(from);
  const answer = await ask(log.url, "/submit", { method: "POST", body });
  assert.equal(answer.status, 200, answer.text);
}

const bucket = () => log.worker.getR2Bucket("TILES");
const copied = async () => (await (await bucket()).list()).objects.map(({ key }) => key.replace(`${ORIGIN}/`, ""));

test("tiles: only full ones are copied", async () => {
  await grow(200);
  await grow(100);
  await eventually("two tiles are copied", copied, ({ length }) => length === 2);
  assert.deepEqual(await copied(), ["tile/0/000", "tile/entries/000"]);
  await grow(500);
  await eventually("six tiles are copied", copied, ({ length }) => length === 6);
  const all = ["0/000", "0/001", "0/002", "entries/000", "entries/001", "entries/002"];
  assert.deepEqual(
    await copied(),
    all.map((tile) => `tile/${tile}`),
  );
  for (const { key } of (await (await bucket()).list()).objects) {
    const path = key.replace(ORIGIN, "");
    const kept = await (await bucket()).get(key);
    // The log itself handles requests with an origin.
    const own = await ask(log.url, path, { headers: { origin: PAGE } });
    assert.equal(own.status, 200);
    assert.deepEqual(Buffer.from((await kept?.arrayBuffer()) ?? new ArrayBuffer()), own.body);
    const answer = await ask(log.url, path);
    assert.deepEqual([answer.status, answer.body], [200, own.body]);
    for (const name of ["content-type", "cache-control", "x-content-type-options"]) {
      assert.equal(answer.headers[name], own.headers[name], name);
    }
  }
});

test("tiles: copied ones are served without the log, others by the log", async () => {
  const first = (await (await bucket()).list()).objects[0]?.key ?? assert.fail();
  const path = first.replace(ORIGIN, "");
  await (await bucket()).put(first, "a mark");
  assert.equal((await ask(log.url, path)).text, "a mark");
  await (await bucket()).delete(first);
  assert.equal((await ask(log.url, path)).body.length, 256 * 32);
  assert.equal((await ask(log.url, "/tile/0/003.p/32")).body.length, 32 * 32);
  (await ask(log.url, "/tile/0/003")).refusal(404, "request.not_found");
});

test("tiles: a log that gets its bucket later copies its tiles", async () => {
  const late = await startLog({ ...SETUP, withoutBuckets: true });
  try {
    const chain = Chain.begin(EMITTERS[1], ORIGIN, "late").events(600);
    const submit = (body: string) => ask(late.url, "/submit", { method: "POST", body });
    assert.equal((await submit(chain.body())).status, 200);
    assert.equal((await ask(late.url, "/tile/0/001")).body.length, 256 * 32);
    await late.restart(SETUP);
    const from = chain.last.seq;
    assert.equal((await submit(chain.events(200).body(from))).status, 200);
    await until(
      "six tiles are copied",
      async () => (await (await late.worker.getR2Bucket("TILES")).list()).objects.length === 6,
    );
  } finally {
    await late.close();
  }
});

test("tiles: a log that differs from its bucket accepts and replaces nothing", async () => {
  const restored = await startLog(SETUP);
  const other = { key: `${ORIGIN}/tile/entries/000`, text: "what was published before" };
  try {
    const tiles = () => restored.worker.getR2Bucket("TILES");
    const chain = Chain.begin(EMITTERS[2], ORIGIN, "restored");
    const submit = (body: string) => ask(restored.url, "/submit", { method: "POST", body });
    assert.equal((await submit(chain.body())).status, 200);
    // It is detected when a bundle is full,
    await (await tiles()).put(other.key, other.text);
    assert.equal((await submit(chain.events(300).body(1))).status, 200);
    await restored.hears(/accepts no more entries, because that would fork it/);
    const more = chain.events(1).body(301);
    (await submit(more)).refusal(503, "server.unavailable");
    // and when the log wakes.
    await restored.restart({ ...SETUP, withoutBuckets: true });
    await restored.restart(SETUP);
    await eventually(
      "the log takes nothing",
      async () => (await submit(more)).status,
      (status) => status === 503,
    );
    assert.equal(await (await (await tiles()).get(other.key))?.text(), other.text);
    assert.equal((await ask(restored.url, "/checkpoint")).status, 200);
  } finally {
    await restored.close();
  }
});

test("tiles: a new log with the name of a copied one accepts nothing", async () => {
  const begun = await startLog(SETUP);
  try {
    await (await begun.worker.getR2Bucket("TILES")).put(`${ORIGIN}/tile/entries/000`, "another log's");
    const body = Chain.begin(EMITTERS[2], ORIGIN, "begun").body();
    (await ask(begun.url, "/submit", { method: "POST", body })).refusal(503, "server.unavailable");
    await begun.hears(/accepts no more entries, because that would fork it/);
  } finally {
    await begun.close();
  }
});
