/** Tests events that concern several tenants, on a log server. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LogServerOptions } from "../../packages/countersign/dist/deliver/log-server.js";
import type { EventInput } from "../../packages/countersign/dist/record/event.js";
import { coded } from "../coded.ts";
import { Signer } from "../conformance/keys.ts";
import { creating, type Options, type Recorder } from "../deliver/recorder.ts";
import { TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);

let log: TenantServer;
let [acme, umbrella] = ["", ""];
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
  [acme, umbrella] = [await log.add("acme"), await log.add("umbrella")];
});
after(() => log.close());

function recorder(options: Partial<Options & { to: LogServerOptions }> = {}, told: string[] = []): Recorder {
  return creating({})({
    key: EMITTER.secret,
    to: log.url,
    log: log.vkey,
    tenants: { acme, umbrella },
    onInvalid: "throw",
    retry: { initialDelayMs: 10, maxDelayMs: 100 },
    onError: ({ code, tenant }) => told.push(`${tenant} ${code}`),
    ...options,
  });
}

type Recorded = { action: string; tenant?: string; tenants?: unknown; metadata?: Record<string, unknown> };

const eventsIn = (text: string): Recorded[] =>
  text.split("\n").flatMap((line) => (line.includes('"event":') ? [JSON.parse(line).event as Recorded] : []));

/** Returns the events with this action in a tenant's log. */
const events = async (origin: string, action: string) =>
  eventsIn(await log.exported(origin)).filter((event) => event.action === action);

const originIn = (receipt: string | null | undefined) => /^countersign\/v1 head\n(.*)$/m.exec(receipt ?? "")?.[1];

for (const [when, isStarted] of [
  ["before the start", false],
  ["after the start", true],
] as const) {
  test(`shared events: each log has a copy that only names its own tenant (${when})`, async () => {
    const audit = recorder();
    if (isStarted) {
      await audit.ready();
    }
    const action = `data.share.${isStarted}`;
    const handle = audit.record({ tenants: ["umbrella", "acme"], action, metadata: { rows: 3 } });
    assert.deepEqual([...(handle.tenants?.keys() ?? [])], ["umbrella", "acme"]);
    const receipt = await handle.delivered();
    assert.equal(originIn(receipt.proof), umbrella);
    for (const [tenant, origin] of [
      ["acme", acme],
      ["umbrella", umbrella],
    ] as const) {
      assert.equal(originIn((await handle.tenants?.get(tenant)?.delivered())?.proof), origin);
    }
    await handle.stored();
    await audit.close();
    const [[inAcme, ...more], [inUmbrella]] = [await events(acme, action), await events(umbrella, action)];
    assert.deepEqual(more, []);
    const id = inAcme?.metadata?.shared_id as string;
    assert.match(id, /^[0-9a-f]{32}$/);
    const copy = { action, metadata: { rows: 3, shared_id: id } };
    assert.deepEqual(
      [inAcme, inUmbrella],
      [
        { ...copy, tenant: "acme" },
        { ...copy, tenant: "umbrella" },
      ],
    );
    assert.ok(!(await log.exported(acme)).includes("umbrella"));
    await log.verify(await log.exported(acme), acme);
    await log.verify(await log.exported(umbrella), umbrella);
  });
}

test("shared events: two events have different values", async () => {
  const audit = recorder();
  const handles = [1, 2].map(() => audit.record({ tenants: ["acme", "umbrella"], action: "data.twice" }));
  await Promise.all(handles.map((handle) => handle.delivered()));
  await audit.close();
  const ids = (await events(acme, "data.twice")).map(({ metadata }) => metadata?.shared_id);
  assert.equal(new Set(ids).size, 2);
});

test("shared events: one tenant, also repeated, is an ordinary event", async () => {
  const audit = recorder();
  for (const tenants of [["acme"], ["acme", "acme"]]) {
    const handle = audit.record({ tenants, action: "data.alone" });
    assert.equal(handle.tenants, undefined);
    assert.equal(originIn((await handle.delivered()).proof), acme);
  }
  await audit.close();
  const alone = { action: "data.alone", tenant: "acme" };
  assert.deepEqual(await events(acme, "data.alone"), [alone, alone]);
});

test("shared events: a tenant without a log affects only its own copy", async () => {
  for (const isStarted of [false, true]) {
    const told: string[] = [];
    const audit = recorder({ tenants: async (id) => (id === "acme" ? acme : undefined) }, told);
    if (isStarted) {
      await audit.ready();
    }
    const handle = audit.record({ tenants: ["acme", "nobody"], action: "data.share" });
    await assert.rejects(handle.delivered(), (error: { code: string; tenant: string }) => {
      assert.deepEqual([error.code, error.tenant], ["tenant.unknown", "nobody"]);
      return true;
    });
    await assert.rejects(handle.tenants?.get("nobody")?.delivered() ?? Promise.resolve(), coded("tenant.unknown"));
    assert.equal(originIn((await handle.tenants?.get("acme")?.delivered())?.proof), acme);
    await audit.close();
    assert.deepEqual(told, ["nobody tenant.unknown"]);
    assert.equal(audit.status().lost, 1);
  }
});

test("shared events: a tenant whose log fails doesn't keep the other's copy", async () => {
  const told: string[] = [];
  let isBroken = true;
  const audit = recorder(
    {
      to: {
        url: log.url,
        fetch: (url, init) =>
          isBroken && url.includes(umbrella.slice(-32))
            ? Promise.resolve(new Response("{}", { status: 503 }))
            : fetch(url, init),
      },
    },
    told,
  );
  const handle = audit.record({ tenants: ["acme", "umbrella"], action: "data.late" });
  await handle.tenants?.get("acme")?.delivered();
  assert.equal(audit.status().waiting, 1);
  isBroken = false;
  await handle.delivered();
  await audit.close();
  assert.ok(
    told.every((error) => error.startsWith("umbrella ")),
    `${told}`,
  );
});

test("shared events: the tenant of a scope or a default doesn't count", async () => {
  const audit = recorder({ defaultTenant: "acme" });
  const handle = audit.with({ tenant: "acme", actor: "u_1" }).record({ tenants: ["umbrella"], action: "data.scoped" });
  await handle.delivered();
  await audit.close();
  assert.equal((await events(umbrella, "data.scoped")).length, 1);
  assert.equal((await events(acme, "data.scoped")).length, 0);
});

test("shared events: an invalid one is in no log", async () => {
  const audit = recorder();
  const wrong: [object, string][] = [
    [{ tenants: "acme" }, "tenants"],
    [{ tenants: [] }, "tenants"],
    [{ tenants: ["acme", ""] }, "tenants.1"],
    [{ tenants: ["acme", null] }, "tenants.1"],
    [{ tenants: Array.from({ length: 65 }, (_, nth) => `t-${nth}`) }, "tenants"],
    [{ tenants: ["acme", "umbrella"], tenant: "acme" }, "tenants"],
    [{ tenants: ["acme", "umbrella"], metadata: { shared_id: "mine" } }, "metadata.shared_id"],
    [{ tenants: ["acme", "umbrella"], metadata: "text" }, "metadata"],
    [{ tenants: ["acme", "umbrella"], actor: {} }, "actor"],
  ];
  for (const isStarted of [false, true]) {
    if (isStarted) {
      await audit.ready();
      // Both tenants are open, so the event itself is validated at once.
      await audit.record({ tenants: ["acme", "umbrella"], action: "data.opened" }).delivered();
    }
    for (const [fields, member] of wrong) {
      if (isStarted || member !== "actor") {
        const record = () => audit.record({ action: "data.wrong", ...fields } as EventInput);
        assert.throws(record, (error: { code: string; member: string }) => {
          assert.equal(error.code, "event.invalid");
          assert.ok(error.member === member || error.member.startsWith(`${member}.`), error.member);
          return true;
        });
      }
    }
  }
  const json = JSON.stringify({ action: "data.wrong", tenants: ["acme", "umbrella"] });
  assert.throws(() => audit.recordJson(json), coded("event.invalid", "tenants"));
  await audit.close();
  for (const origin of [acme, umbrella]) {
    assert.equal((await events(origin, "data.wrong")).length, 0);
  }
});

test("shared events: a problem in an event doesn't unlink its copies", async () => {
  const audit = recorder({ onInvalid: "report" });
  await audit.ready();
  const tenants = ["acme", "umbrella"];
  const wrong = { tenants, action: "data.reported", metadata: "text" } as unknown as EventInput;
  const large = { tenants, action: "data.reported", metadata: { text: "x".repeat(300_000) } };
  for (const event of [wrong, large]) {
    await audit.record(event).delivered();
  }
  await audit.close();
  const ids = await Promise.all(
    [acme, umbrella].map(async (origin) =>
      (await events(origin, "data.reported")).map(({ metadata, tenants }) => {
        assert.ok(Array.isArray(metadata?.countersign_problems));
        assert.equal(tenants, undefined);
        return metadata.shared_id as string;
      }),
    ),
  );
  assert.deepEqual(ids[0], ids[1]);
  assert.ok(ids[0]?.length === 2 && ids[0].every((id) => /^[0-9a-f]{32}$/.test(id)), `${ids[0]}`);
});

test("shared events: if not all copies fit, none is recorded", async () => {
  for (const onFull of ["throw", "drop"] as const) {
    const audit = recorder({ maxWaitingBytes: 700, onFull, autoFlush: false });
    await audit.ready();
    const record = () => audit.record({ tenants: ["acme", "umbrella"], action: "data.full" });
    if (onFull === "throw") {
      assert.throws(record, coded("recorder.full"));
    } else {
      await assert.rejects(record().delivered(), coded("recorder.full"));
      assert.equal(audit.status().dropped, 2);
    }
    assert.equal(audit.status().queued, 0);
  }
});

test("shared events: a recorder with one log rejects `tenants`", async () => {
  const audit = recorder({ tenants: undefined });
  assert.throws(() => audit.record({ tenants: ["acme", "umbrella"], action: "data.share" }), {
    code: "event.invalid",
    member: "tenants",
    hint: /the option `tenants`/,
  });
});
