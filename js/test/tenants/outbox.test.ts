/** Tests outboxes of recorders with tenants, on a log server. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LogServerOptions } from "../../packages/countersign/dist/deliver/log-server.js";
import type { CountersignError } from "../../packages/countersign/dist/error.js";
import { coded } from "../coded.ts";
import { Signer } from "../conformance/keys.ts";
import { creating, type Options, type Recorder } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { until } from "../eventually.ts";
import { TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);

let log: TenantServer;
let [acme, beta] = ["", ""];
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
  [acme, beta] = [await log.add("acme"), await log.add("beta")];
});
after(() => log.close());

const UNREACHABLE = { url: "http://127.0.0.1:1" };

function recorder(
  storage: Storage,
  options: Partial<Options & { to: LogServerOptions }> = {},
  told: string[] = [],
): Recorder {
  return creating({})({
    key: EMITTER.secret,
    to: log.url,
    log: log.vkey,
    tenants: { acme, beta },
    outbox: storage.outbox(),
    autoFlush: false,
    onInvalid: "throw",
    retry: { initialDelayMs: 10, maxDelayMs: 100 },
    onError: ({ code, tenant }) => told.push(`${tenant} ${code}`),
    ...options,
  });
}

const actionsIn = (text: string) =>
  text.split("\n").flatMap((line) => (line.includes('"event":') ? [JSON.parse(line).event.action as string] : []));

test("outbox: events and batches of tenants survive a kill", async () => {
  const storage = new Storage();
  const killed = recorder(storage, { to: UNREACHABLE });
  await killed.record({ tenant: "acme", action: "killed.linked" }).stored();
  await assert.rejects(killed.flush(), coded("log_server.unreachable"));
  await Promise.all(["acme", "beta"].map((tenant) => killed.record({ tenant, action: "killed.queued" }).stored()));
  assert.equal(storage.tenantKinds, "o o tb te te");

  const next = storage.left();
  // Nothing is looked up for restored events.
  const audit = recorder(next, {
    tenants: () => {
      throw new Error("not now");
    },
  });
  await audit.ready();
  // Links are counted without their events.
  assert.equal(audit.status().waiting, 2);
  await audit.close();
  assert.equal(next.tenantKinds, "h h o o");
  assert.deepEqual(actionsIn(await log.exported(acme)), ["killed.linked", "killed.queued"]);
  assert.deepEqual(actionsIn(await log.exported(beta)), ["killed.queued"]);
});

for (const [name, lookup] of [
  ["at once", (changed: Record<string, string>) => changed],
  ["later", (changed: Record<string, string>) => async (id: string) => changed[id]],
] as const) {
  test(`outbox: a tenant that gets another log fails alone (answers ${name})`, async () => {
    const storage = new Storage();
    const first = recorder(storage);
    await Promise.all(["acme", "beta"].map((tenant) => first.record({ tenant, action: "job.create" }).stored()));
    await first.close();

    const told: string[] = [];
    const audit = recorder(storage.left(), { tenants: lookup({ acme: beta, beta }) }, told);
    await audit.ready();
    audit.record({ tenant: "acme", action: "job.before" });
    await until("the other log is noticed", () => told.length > 0);
    const rejected = audit.record({ tenant: "acme", action: "job.delete" });
    const accepted = audit.record({ tenant: "beta", action: "job.delete" });
    await assert.rejects(rejected.delivered(), coded("tenant.changed"));
    await audit.close();
    await accepted.delivered();
    assert.ok(told.length > 0 && told.every((error) => error === "acme tenant.changed"), `${told}`);
    assert.ok(!actionsIn(await log.exported(beta)).includes("job.before"));
  });
}

test("outbox: a known tenant records while its log can't be looked up", async () => {
  const storage = new Storage();
  const first = recorder(storage, { tenants: "create" });
  await first.record({ tenant: "acme", action: "job.create" }).stored();
  await first.close();
  const audit = recorder(storage.left(), { tenants: "create", to: UNREACHABLE });
  await audit.record({ tenant: "acme", action: "job.create" }).stored();
  assert.equal(audit.status().waiting, 1);
});

test("outbox: entries of tenants and others don't mix", async () => {
  const told: string[] = [];
  const storage = new Storage();
  const tenants = recorder(storage, { to: UNREACHABLE });
  for (const action of ["job.create", "job.delete"]) {
    await tenants.record({ tenant: "acme", action }).stored();
  }
  const messages: string[] = [];
  const onError = ({ code, tenant, message }: CountersignError) => {
    told.push(`${tenant} ${code}`);
    messages.push(message);
  };
  const alone = recorder(storage.left(), { to: UNREACHABLE, tenants: undefined, onError });
  await alone.record({ action: "job.create" }).stored();
  assert.equal(alone.status().waiting, 1);
  assert.deepEqual(told, ["undefined outbox.damaged"]);
  assert.match(messages[0] ?? "", /contains 2 entries of tenants/);

  const other = new Storage();
  const before = recorder(other, { to: UNREACHABLE, tenants: undefined });
  await before.record({ action: "job.create" }).stored();
  const now = recorder(other.left(), { to: UNREACHABLE }, told);
  await now.ready();
  assert.equal(now.status().waiting, 0);
  assert.deepEqual(told, ["undefined outbox.damaged", "undefined outbox.damaged"]);
});

test("outbox: entries that an ended recorder left are adopted", async () => {
  const storage = new Storage();
  const ended = recorder(storage, { to: UNREACHABLE });
  await ended.record({ tenant: "beta", action: "job.adopted" }).stored();
  const adopting = new Storage();
  const audit = recorder(adopting);
  await audit.ready();
  adopting.orphaned = storage.entries.map(({ bytes }) => bytes);
  await audit.flush();
  assert.ok(actionsIn(await log.exported(beta)).includes("job.adopted"));
  adopting.orphaned = storage.entries.map(({ bytes }) => bytes);
  await audit.close();
  assert.equal(adopting.orphaned.length, 2);
});

for (const hasValues of [false, true]) {
  const values = hasValues ? "with values" : "without values";
  test(`outbox: a kill at any write loses no stored event, and records none twice (${values})`, () =>
    killedAtAny(hasValues));
}

async function killedAtAny(hasValues: boolean): Promise<void> {
  const seen: string[][] = [];
  const kill = async (write: number, isMade: boolean): Promise<boolean> => {
    const name = `${hasValues}-${write}-${isMade}`;
    const storage = new Storage(hasValues ? { values: new Map() } : {});
    const { isDead, left } = storage.killedAt(write, isMade);
    const fetchUntil = (url: string, init: RequestInit) =>
      isDead() ? new Promise<Response>(() => {}) : fetch(url, init);
    const killed = recorder(storage, { tenants: "create", to: { url: log.url, fetch: fetchUntil } });
    const stored = new Set<string>();
    const work = async () => {
      for (const part of ["first", "second"]) {
        await Promise.all(
          ["a", "b"].map(async (tenant) => {
            const action = `${part}.${tenant}`;
            await killed.record({ tenant: `${name}-${tenant}`, action }).stored();
            stored.add(action);
          }),
        );
        await killed.flush();
      }
      await killed.close();
    };
    const isOver = await Promise.race([work().then(() => true), left.then(() => false)]);
    if (!isOver) {
      const next = await left;
      const before = new Set(stored);
      const audit = recorder(next, { tenants: "create" });
      await audit.ready();
      await audit.close();
      const actions = (await Promise.all(["a", "b"].map((tenant) => actionsOf(`${name}-${tenant}`)))).flat();
      seen.push(actions);
      assert.equal(new Set(actions).size, actions.length, `${name}: ${actions}`);
      for (const action of before) {
        assert.ok(actions.includes(action), `${name}: ${action} of ${actions}`);
      }
      assert.match(next.tenantKinds, /^((h ){0,2}o( o)?( v)?)?$/, name);
    }
    return isOver;
  };
  const writes = Array.from({ length: 16 }, (_, nth) => nth + 1);
  const over = await Promise.all(writes.flatMap((write) => [kill(write, true), kill(write, false)]));
  assert.ok(over.includes(false));
  assert.ok(seen.some((actions) => actions.length === 4));
}

/** Returns the actions in the log of a tenant, which may have none. */
async function actionsOf(tenant: string): Promise<string[]> {
  return actionsIn(await log.exported(await log.add(tenant)));
}
