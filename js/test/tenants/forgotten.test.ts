/** Tests that recorders notice a log server that returned to an earlier state, in Node.js and in workerd. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Miniflare } from "miniflare";
import type { CountersignError } from "../../packages/countersign/dist/error.js";
import { bundled, start } from "../adapters/workerd.ts";
import { Signer } from "../conformance/keys.ts";
import { creating, type Recorder } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { eventually } from "../eventually.ts";
import { TenantServer } from "./server.ts";

/** A restarted server rejects submissions until its first tick. */
const RETRY = { retryForMs: 60_000 };
const EMITTER = new Signer("example.com/emitter", 2);
const bundle = await bundled(new URL("worker/worker.ts", import.meta.url));

let log: TenantServer;
let worker: Miniflare;
let [acme, beta] = ["", ""];
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
  [acme, beta] = [await log.add("acme"), await log.add("beta")];
  worker = start(bundle, {
    bindings: { KEY: EMITTER.secret, LOG: log.vkey, URL: log.url },
    durableObjects: { ROOM: { className: "Room", useSQLite: true } },
  });
});
after(async () => {
  await worker.dispose();
  await log.close();
});

function recorder(storage: Storage): Recorder {
  return creating({})({
    key: EMITTER.secret,
    to: log.url,
    log: log.vkey,
    tenants: { acme, beta },
    outbox: storage.outbox(),
    autoFlush: false,
    onError: () => {},
  });
}

const ask = async (path: string) => (await worker.dispatchFetch(`http://worker.test${path}`)).text();

test("a server that returned to an earlier state is noticed", { timeout: 120_000 }, async () => {
  const storage = new Storage();
  const first = recorder(storage);
  await first.record({ tenant: "beta", action: "job.create" }).stored();
  await first.flush();
  assert.match(await ask("/awaited?tenant=of-a-worker"), /^countersign\/v1 receipt/);
  await log.copy();
  const forgotten = first.record({ tenant: "acme", action: "job.forgotten" });
  await first.flush(RETRY);
  assert.ok((await forgotten.delivered()).proof?.includes(acme));
  assert.match(await ask("/awaited?tenant=of-a-worker"), /^countersign\/v1 receipt/);
  await log.forget();
  assert.ok(!(await log.exported(acme)).includes("job.forgotten"));

  // Closing the first recorder would also have added to beta's log.
  const audit = recorder(storage.left());
  const stopped = audit.record({ tenant: "acme", action: "job.delete" });
  const other = audit.record({ tenant: "beta", action: "job.delete" });
  await assert.rejects(audit.flush(RETRY), ({ code, tenant, evidence }: CountersignError) => {
    assert.deepEqual([code, tenant, evidence?.origin], ["log.rewritten", "acme", acme]);
    assert.match(evidence?.since ?? "", /^[1-9]\d*,[1-9]\d*$/);
    for (const head of [evidence?.before, evidence?.after]) {
      assert.ok(head?.startsWith(`countersign/v1 head\n${acme}\n`), `${head}`);
    }
    return true;
  });
  await assert.rejects(stopped.delivered(), { code: "log.rewritten" });
  assert.ok((await other.delivered()).proof?.includes(beta));
  await audit.close();

  // The worker first continues its chain, whose last links the log lacks. It then starts another one, with which the log
  // has more entries than before. Only the proof that it contains the earlier ones is missing.
  const answer = await eventually(
    "the worker notices it",
    async () => JSON.parse(await ask("/failing?tenant=of-a-worker")) as Partial<CountersignError>,
    ({ code, evidence }) => code === "proof.invalid" && evidence !== undefined,
  );
  assert.equal(answer.tenant, "of-a-worker");
  assert.match(answer.evidence?.before ?? "", /^countersign\/v1 head\n/);
  assert.match(await ask("/awaited?tenant=another"), /^countersign\/v1 receipt/);
});
