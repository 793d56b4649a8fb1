/** Tests that a tenant's failures affect no other tenant, with a log server whose answers are replaced. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Fetch } from "../../packages/countersign/dist/deliver/log-server.js";
import { deferred } from "../../packages/shared/dist/promises.js";
import { coded } from "../coded.ts";
import { Signer } from "../conformance/keys.ts";
import { creating, type Options, type Recorder } from "../deliver/recorder.ts";
import { eventually } from "../eventually.ts";
import { TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);

let log: TenantServer;
let [acme, beta] = ["", ""];
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
  [acme, beta] = [await log.add("acme"), await log.add("beta")];
});
after(() => log.close());

/** Answers requests to a tenant's log instead of it. */
type Intervention = (pass: () => Promise<Response>) => Promise<Response>;

/** Creates a recorder whose requests to `acme` meet the interventions in turn. The last one stays. */
function recorder(interventions: Intervention[], options: Partial<Options> = {}, told: string[] = []): Recorder {
  const fetchOf: Fetch = (url, init) => {
    const pass = () => fetch(url, init);
    const meets = url.includes(acme.slice(-32))
      ? interventions.length > 1
        ? interventions.shift()
        : interventions[0]
      : undefined;
    return meets?.(pass) ?? pass();
  };
  return creating({})({
    key: EMITTER.secret,
    to: { url: log.url, fetch: fetchOf },
    log: log.vkey,
    tenants: { acme, beta },
    onInvalid: "throw",
    retry: { initialDelayMs: 10, maxDelayMs: 100 },
    onError: ({ code, tenant }) => told.push(`${tenant} ${code}`),
    ...options,
  });
}

const actionsIn = (text: string) =>
  text.split("\n").flatMap((line) => (line.includes('"event":') ? [JSON.parse(line).event.action as string] : []));

const originIn = (receipt: string | null | undefined) => /^countersign\/v1 head\n(.*)$/m.exec(receipt ?? "")?.[1];

const busy: Intervention = async () => new Response("{}", { status: 503 });
const hanging: Intervention = () => new Promise(() => {});
const passing: Intervention = (pass) => pass();

for (const name of ["fails", "hangs"]) {
  test(`tenants: another tenant's log ${name}`, async () => {
    const told: string[] = [];
    let isBroken = true;
    const lost = deferred<Response>();
    lost.promise.catch(() => {});
    const failing = name === "fails" ? busy : () => lost.promise;
    const audit = recorder([(pass) => (isBroken ? failing(pass) : pass())], {}, told);
    const late = audit.record({ tenant: "acme", action: `late.${name}` });
    for (let nth = 0; nth < 2; nth++) {
      await audit.record({ tenant: "beta", action: `soon.${name}` }).delivered();
    }
    assert.equal(audit.status().waiting, 1);
    isBroken = false;
    lost.reject(new Error("the connection was lost"));
    const receipt = await late.delivered();
    assert.ok(receipt.proof?.includes(acme));
    await audit.close();
    assert.ok(told.length > 0 && told.every((error) => error.startsWith("acme ")), `${told}`);
  });
}

test("tenants: another tenant's log has ended", async () => {
  const told: string[] = [];
  const error = { code: "log.ended", message: "this tenant log has ended", hint: "record no more events" };
  const audit = recorder([async () => Response.json({ error }, { status: 410 })], {}, told);
  const late = audit.record({ tenant: "acme", action: "late.ended" });
  for (let nth = 0; nth < 2; nth++) {
    await audit.record({ tenant: "beta", action: "soon.ended" }).delivered();
  }
  await assert.rejects(late.delivered(), coded("log.ended"));
  await assert.rejects(audit.record({ tenant: "acme", action: "later.ended" }).delivered(), coded("log.ended"));
  const receipt = await audit.record({ tenant: "beta", action: "last.ended" }).delivered();
  assert.equal(originIn(receipt.proof), beta);
  await audit.close().catch(() => {});
  assert.ok(told.length > 0 && told.every((error) => error === "acme log.ended"), `${told}`);
});

test("tenants: a flush reports a tenant's failure after it delivered the others", async () => {
  const audit = recorder([busy], { autoFlush: false });
  const delivered = audit.record({ tenant: "beta", action: "job.create" }).delivered();
  audit.record({ tenant: "acme", action: "job.create" });
  await assert.rejects(audit.flush(), (error: { code: string; tenant: string }) => {
    assert.deepEqual([error.code, error.tenant], ["log_server.busy", "acme"]);
    return true;
  });
  await delivered;
  assert.equal(audit.status().waiting, 1);
});

test("tenants: the receipt of another tenant's log proves nothing", async () => {
  const told: string[] = [];
  const altered =
    (change: (text: string) => string): Intervention =>
    async (pass) => {
      const response = await pass();
      return new Response(change(await response.text()), { status: response.status });
    };
  const changes = [
    // The answer of the tenant's log, under the name of another one.
    (text: string) => text.replaceAll(acme, beta),
    (text: string) => text.replace(/"seq":\d+/, '"seq":0'),
    (text: string) => text.replace(/"index":\d+/, '"index":0'),
    (text: string) => text.replace(/"head":"[^"]*"/, '"head":"\\n\\n"'),
    (text: string) => text.replace(/"hashes":\[[^\]]*\]/, '"hashes":[{}]'),
    (text: string) => text.replace(/"root":"[^"]*"/, '"root":""'),
    () => '{"root":"","logs":[]}',
    () => '{"root":"","logs":{}}',
  ];
  const audit = recorder([...changes.map(altered), passing], { autoFlush: false }, told);
  audit.record({ tenant: "acme", action: "job.create" });
  for (const _ of changes) {
    await assert.rejects(audit.flush(), coded("proof.invalid"));
    assert.equal(audit.status().waiting, 1);
  }
  await audit.close();
});

test("tenants: the least recently used chain is closed, and its tenant can record again", async () => {
  const names = Array.from({ length: 65 }, (_, nth) => `many-${nth}`);
  const creator = recorder([passing], { tenants: "create" });
  const created = await Promise.all(
    names.map((tenant) => creator.record({ tenant, action: "job.create" }).delivered()),
  );
  await creator.close();
  const origins = new Map(names.map((tenant, nth) => [tenant, originIn(created[nth]?.proof)]));
  const origin = origins.get("many-0") ?? "";
  const audit = recorder([passing], { tenants: (tenant) => origins.get(tenant) });
  const [first] = await Promise.all(names.map((tenant) => audit.record({ tenant, action: "job.start" }).delivered()));
  const again = await audit.record({ tenant: "many-0", action: "job.delete" }).delivered();
  assert.equal(originIn(again.proof), origin);
  assert.notEqual(first?.chain, again.chain);
  await audit.close();
  const text = await log.exported(origin);
  assert.deepEqual(actionsIn(text), ["job.create", "job.start", "job.delete"]);
  assert.equal(text.match(/"countersign\/v1 close /g)?.length, 3);
  await log.verify(text, origin);
});

test("tenants: a restarted server answers with the same logs", async () => {
  const audit = recorder([passing], { tenants: "create" });
  const before = await audit.record({ tenant: "restarted", action: "job.create" }).delivered();
  await log.kill();
  const handle = audit.record({ tenant: "restarted", action: "job.delete" });
  const during = audit.record({ tenant: "created later", action: "job.create" });
  await eventually(
    "a failure",
    () => audit.status().lastError,
    (error) => error !== undefined,
  );
  await log.start();
  const [after] = await Promise.all([handle.delivered(), during.delivered()]);
  assert.equal(before.chain, after.chain);
  await audit.close();
});

test("tenants: a failed lookup is reported once, however many events wait for it", async () => {
  const told: string[] = [];
  const lookup = deferred<string>();
  const audit = recorder([passing], { tenants: () => lookup.promise, autoFlush: false }, told);
  await audit.ready();
  for (let nth = 0; nth < 10; nth++) {
    audit.record({ tenant: "acme", action: "job.create" });
  }
  const flushed = audit.flush();
  lookup.reject(new Error("the database is down"));
  await assert.rejects(flushed, coded("tenant.failed"));
  assert.deepEqual(told, ["acme tenant.failed"]);
  assert.equal(audit.status().waiting, 10);
});

test("tenants: all share the limit of waiting bytes", async () => {
  const told: string[] = [];
  const audit = recorder([hanging], { maxWaitingBytes: 2_000, autoFlush: false, onFull: "drop" }, told);
  await audit.ready();
  const handles = ["acme", "beta", "acme", "beta", "acme"].map((tenant) =>
    audit.record({ tenant, action: "job.create" }),
  );
  await assert.rejects(handles[4]?.delivered() ?? Promise.resolve(), coded("recorder.full"));
  assert.ok(audit.status().dropped > 0);
});

test("tenants: contexts that end one by one look up tenants and deliver by themselves", async () => {
  let lookups = 0;
  const audit = creating({ manyContexts: true })({
    key: EMITTER.secret,
    to: log.url,
    log: log.vkey,
    autoFlush: false,
    tenants: (id) => {
      lookups++;
      // The first context ends before the answer.
      return lookups === 1 ? new Promise(() => {}) : Promise.resolve(id === "acme" ? acme : undefined);
    },
    timeoutMs: 3_000,
    onError: () => {},
  });
  await audit.ready();
  const handles = Array.from({ length: 5 }, () => audit.record({ tenant: "acme", action: "job.create" }));
  audit.flush({ retryForMs: 20_000 }).catch(() => {});
  const other = audit.record({ tenant: "nobody", action: "job.create" });
  await assert.rejects(audit.flush({ retryForMs: 20_000 }), coded("tenant.unknown"));
  await assert.rejects(other.delivered(), coded("tenant.unknown"));
  const receipts = await Promise.all(handles.map((handle) => handle.delivered()));
  assert.ok(receipts.every(({ proof }) => proof?.includes(acme)));
  assert.ok(lookups <= 4, `${lookups} lookups`);
});

test("tenants: after a rotation, all tenants have chains with the new key", async () => {
  const NEXT = new Signer("example.com/next", 5);
  const audit = recorder([passing], { autoFlush: false });
  const before = ["acme", "beta"].map((tenant) => audit.record({ tenant, action: "job.create" }));
  await audit.flush();
  const chains = await Promise.all(before.map(async (handle) => (await handle.delivered()).chain));
  // The key is unknown to the log, so only the ends of the chains are delivered.
  await audit.rotate(NEXT.secret);
  const [queued] = ["acme", "beta"].map((tenant) => audit.record({ tenant, action: "job.create" }));
  await assert.rejects(audit.flush(), coded("log.unauthorized"));
  assert.equal(audit.status().waiting, 2);
  await audit.rotate(EMITTER.secret).catch(() => {});
  await audit.flush({ retryForMs: 10_000 });
  assert.ok(!chains.includes((await queued?.delivered())?.chain ?? ""));
  await audit.close();
});
