/** Tests recording into the logs of tenants from Workers, in workerd. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Miniflare } from "miniflare";
import { bundled, start } from "../adapters/workerd.ts";
import { Signer } from "../conformance/keys.ts";
import { eventually } from "../eventually.ts";
import { TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);
const bundle = await bundled(new URL("worker/worker.ts", import.meta.url));

let log: TenantServer;
let worker: Miniflare;
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
  worker = start(bundle, {
    bindings: { KEY: EMITTER.secret, LOG: log.vkey, URL: log.url },
    durableObjects: { ROOM: { className: "Room", useSQLite: true } },
  });
});
after(async () => {
  await worker.dispose();
  await log.close();
});

const ask = async (path: string) => (await worker.dispatchFetch(`http://worker.test${path}`)).text();

async function arrived(tenant: string, action: string, count: number): Promise<void> {
  const origin = await log.add(tenant);
  await eventually(
    `${count} events of ${tenant}`,
    async () => (await log.exported(origin)).split(`"action":"${action}"`).length - 1,
    (found) => found >= count,
  );
  const text = await log.exported(origin);
  assert.equal(text.split(`"action":"${action}"`).length - 1, count);
}

test("Workers: concurrent requests of new tenants are recorded under waitUntil", { timeout: 60_000 }, async () => {
  const tenants = ["a", "b", "a", "b", "c", "a"];
  assert.deepEqual(
    await Promise.all(tenants.map((tenant) => ask(`/later?tenant=${tenant}`))),
    tenants.map(() => "recorded"),
  );
  await arrived("a", "job.update", 3);
  await arrived("b", "job.update", 2);
  await arrived("c", "job.update", 1);
});

test("Workers: a request can wait for a receipt", { timeout: 60_000 }, async () => {
  const receipts = await Promise.all(["d", "e", "d"].map((tenant) => ask(`/awaited?tenant=${tenant}`)));
  const origins = receipts.map((receipt) => /^countersign\/v1 head\n(.*)$/m.exec(receipt)?.[1]);
  assert.equal(origins[0], await log.add("d"));
  assert.equal(origins[2], origins[0]);
  assert.equal(origins[1], await log.add("e"));
});

test("Workers: an event of two new tenants is recorded in both logs", { timeout: 60_000 }, async () => {
  const receipts = JSON.parse(await ask("/shared?tenant=g,h")) as string[];
  const origins = receipts.map((receipt) => /^countersign\/v1 head\n(.*)$/m.exec(receipt)?.[1]);
  assert.deepEqual(origins, [await log.add("g"), await log.add("h")]);
  const ids = await Promise.all(
    origins.map(async (origin) => /"shared_id":"([0-9a-f]{32})"/.exec(await log.exported(origin ?? ""))?.[1]),
  );
  assert.ok(ids[0] !== undefined && ids[0] === ids[1], `${ids}`);
});

test("Durable Objects: events of tenants are stored and delivered", { timeout: 60_000 }, async () => {
  assert.equal(await ask("/object?tenant=f"), "stored");
  await arrived("f", "room.note", 1);
});
