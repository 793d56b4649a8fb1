/** Tests that a recorder notices a log server that shows several histories of a tenant's log. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogServer } from "../../packages/countersign/dist/deliver/destination.js";
import { LogServer } from "../../packages/countersign/dist/deliver/log-server.js";
import { type HeadStore, NO_HEAD } from "../../packages/countersign/dist/deliver/newest-head.js";
import type { CountersignError } from "../../packages/countersign/dist/error.js";
import type { Outbox } from "../../packages/countersign/dist/outbox/outbox.js";
import { coded } from "../coded.ts";
import { Signer } from "../conformance/keys.ts";
import { creating, type Options, type Recorder } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { until } from "../eventually.ts";
import { type LogAnswer, LyingServer } from "./lying-server.ts";

const EMITTER = new Signer("example.com/emitter", 2);

/** A hash that belongs to no proof. */
const FOREIGN = Buffer.alloc(32, 7).toString("base64");

/** A server with the logs of two tenants. */
function served() {
  const server = new LyingServer();
  const tenants = { acme: server.add(0x17), beta: server.add(0xe0) };
  const idOf = (tenant: keyof typeof tenants) => tenants[tenant].slice(-32);
  const told: CountersignError[] = [];
  const recorder = (options: Partial<Options & { outbox: Outbox }> = {}): Recorder => {
    const { manyContexts, ...others } = options;
    return creating({ manyContexts })({
      key: EMITTER.secret,
      to: server.to,
      log: server.vkey,
      tenants,
      autoFlush: false,
      onInvalid: "throw",
      retry: { initialDelayMs: 1, maxDelayMs: 10 },
      onError: (error) => told.push(error),
      ...others,
    });
  };
  const leaves = (tenant: keyof typeof tenants) => server.logs.get(idOf(tenant)) ?? [];
  const stated = (tenant: keyof typeof tenants) => server.stated.get(idOf(tenant)) ?? [];
  return { server, tenants, idOf, told, recorder, leaves, stated };
}

type Served = ReturnType<typeof served>;

/** Records an event of each tenant, and flushes. */
async function deliver(audit: Recorder, ...tenants: string[]): Promise<void> {
  const handles = tenants.map((tenant) => audit.record({ tenant, action: "job.create" }));
  await audit.flush();
  await Promise.all(handles.map((handle) => handle.delivered()));
}

test("heads: each submission states the newest head, and anchors are compared", async () => {
  const { server, recorder, stated, told } = served();
  const audit = recorder();
  await deliver(audit, "acme", "beta");
  await deliver(audit, "acme");
  server.passAnchor();
  await deliver(audit, "acme", "beta");
  await audit.close();
  assert.deepEqual(told, []);
  const [first, second, third, closing] = stated("acme");
  assert.equal(first, "0,0");
  assert.match(second ?? "", /^2,10\d$/);
  assert.match(third ?? "", /^3,10\d$/);
  assert.match(closing ?? "", /^4,409\d$/);
});

const LIES: readonly [name: string, lie: (served: Served) => void][] = [
  [
    "an anchor with other entries",
    ({ server, idOf, leaves }) =>
      server.passAnchor(new Map([[idOf("acme"), leaves("acme").map((leaf) => `${leaf}!`)]])),
  ],
  ["an anchor without entries", ({ server, idOf }) => server.passAnchor(new Map([[idOf("acme"), []]]))],
  [
    "an anchor with more entries than the head after it",
    ({ server, idOf, leaves }) => {
      const more = ["1", "2", "3", "4"].map((nth) => `false ${nth}`);
      server.passAnchor(new Map([[idOf("acme"), [...leaves("acme"), ...more]]]));
    },
  ],
  [
    "a head without an earlier entry",
    ({ server, idOf, leaves }) => server.logs.set(idOf("acme"), leaves("acme").slice(1)),
  ],
];

for (const [name, lie] of LIES) {
  test(`heads: ${name} stops the tenant alone, with both heads as evidence`, async () => {
    const world = served();
    const { tenants, told, recorder, stated } = world;
    const audit = recorder();
    await deliver(audit, "acme", "beta");
    lie(world);
    const handle = audit.record({ tenant: "acme", action: "job.delete" });
    const other = audit.record({ tenant: "beta", action: "job.delete" });
    const isEvident = (error: CountersignError) => {
      assert.deepEqual([error.code, error.tenant, error.evidence?.origin], ["log.rewritten", "acme", tenants.acme]);
      const { before = "", after = "", since, anchors, consistency } = error.evidence ?? {};
      assert.equal(since, stated("acme").at(-1));
      for (const head of [before, after]) {
        assert.ok(head.startsWith(`countersign/v1 head\n${tenants.acme}\n`), head);
        assert.ok(head.includes("\nc2sp.org/tlog-proof@v1\n"), head);
      }
      assert.notEqual(before, after);
      assert.equal(anchors?.length, name.startsWith("an anchor") ? 1 : 0);
      assert.ok(Array.isArray(consistency));
      return true;
    };
    await assert.rejects(audit.flush(), isEvident);
    await assert.rejects(handle.delivered(), coded("log.rewritten"));
    await other.delivered();
    const requests = stated("acme").length;
    // Nothing more is sent or accepted.
    await assert.rejects(audit.record({ tenant: "acme", action: "job.delete" }).delivered(), isEvident);
    await deliver(audit, "beta");
    assert.equal(stated("acme").length, requests);
    assert.deepEqual([audit.status().waiting, audit.status().lost], [0, 2]);
    assert.ok(audit.status().dead.some(({ error }) => isEvident(error)));
    // Events were lost that no outbox contains.
    await assert.rejects(audit.close(), isEvident);
    assert.ok(told.every(isEvident) && told.length > 0, `${told}`);
  });
}

test("heads: a rewritten log stops no tenant, and is reported until the server proves its growth", async () => {
  const { server, tenants, idOf, told, recorder, leaves, stated } = served();
  const storage = new Storage();
  const audit = recorder({ outbox: storage.outbox(), autoFlush: { maxDelayMs: 1 } });
  await audit.record({ tenant: "acme", action: "job.create" }).delivered();
  const before = [...leaves("acme")];
  server.logs.set(idOf("acme"), ["false", ...before.slice(1)]);
  const handle = audit.record({ tenant: "acme", action: "job.delete" });
  await until("the failure is reported", () => told.length > 0 && storage.tenantKinds.includes("u"));
  const isReported = (error: CountersignError | undefined) => {
    assert.ok(error !== undefined);
    assert.deepEqual([error.code, error.tenant], ["proof.invalid", "acme"]);
    assert.match(
      error.message,
      /the log server could not prove that the log at tick \d+ contains its entries of tick 101$/,
    );
    assert.match(error.hint ?? "", /the log may have been rewritten/);
    const { origin, since, before, after = "" } = error.evidence ?? {};
    assert.deepEqual([origin, since], [tenants.acme, "2,101"]);
    assert.ok(before?.startsWith("countersign/v1 head\n") && after.startsWith("countersign/v1 head\n"));
    return true;
  };
  assert.ok(told.every(isReported));
  const { waiting, lost, dead, lastError } = audit.status();
  assert.deepEqual([waiting, lost, dead], [1, 0, []]);
  assert.equal(lastError?.code, "proof.invalid");
  assert.equal(storage.tenantKinds, "h o tb u");
  const { message, evidence } = storage.content("u") as CountersignError;
  assert.deepEqual([/could not prove/.test(message), evidence?.origin], [true, tenants.acme]);

  // The next recorder has the same head, and removes the reason after an answer that it accepts.
  const next = storage.left();
  const again = recorder({ outbox: next.outbox() });
  await assert.rejects(again.flush(), isReported);
  assert.equal(next.tenantKinds, "h o tb u");
  assert.deepEqual(new Set(stated("acme").slice(1)), new Set(["2,101"]));
  server.logs.set(idOf("acme"), before);
  await again.flush();
  assert.equal(again.status().lastError, undefined);
  assert.equal(next.tenantKinds, "h o");
  await again.close();
  await handle.delivered();
  await audit.close();
});

test("heads: an answer that proves nothing is not accepted, and the events are sent again", async () => {
  const { server, recorder, stated } = served();
  const audit = recorder();
  await deliver(audit, "acme");
  server.passAnchor();
  const without = (answer: LogAnswer, ...members: string[]) =>
    Object.fromEntries(Object.entries(answer).filter(([member]) => !members.includes(member)));
  const changes: ((answer: LogAnswer) => LogAnswer)[] = [
    (answer) => without(answer, "anchors", "consistency"),
    (answer) => without(answer, "consistency"),
    (answer) => ({ ...answer, anchors: [] }),
    (answer) => ({ ...answer, anchors: {} as never }),
    (answer) => ({ ...answer, anchors: [null as never] }),
    (answer) => ({ ...answer, anchors: [{ anchor: "", consistency: [] }] }),
    (answer) => ({ ...answer, anchors: answer.anchors?.map(({ anchor }) => ({ anchor }) as never) ?? [] }),
    (answer) => ({ ...answer, anchors: [...(answer.anchors ?? []), ...(answer.anchors ?? [])] }),
    (answer) => ({ ...answer, consistency: ["?"] }),
    (answer) => ({ ...answer, consistency: [7 as never] }),
    (answer) => ({ ...answer, consistency: answer.consistency?.slice(1) ?? [] }),
    (answer) => ({ ...answer, consistency: [...(answer.consistency ?? []), FOREIGN] }),
    ({ anchors: [anchor] = [], ...answer }) => ({
      ...answer,
      anchors: [{ ...anchor, consistency: [FOREIGN] } as never],
    }),
  ];
  const handle = audit.record({ tenant: "acme", action: "job.delete" });
  for (const [nth, change] of changes.entries()) {
    server.alter = (_, answer) => change(answer);
    await assert.rejects(audit.flush(), coded("proof.invalid"), `${nth}`);
    assert.equal(audit.status().waiting, 1);
  }
  server.alter = undefined;
  await audit.flush();
  await handle.delivered();
  assert.equal(new Set(stated("acme").slice(1)).size, 1);
  await audit.close();
});

test("heads: an outbox remembers the newest head", async () => {
  const world = served();
  const { server, idOf, leaves, stated, recorder } = world;
  const storage = new Storage();
  const killed = recorder({ outbox: storage.outbox() });
  await deliver(killed, "acme", "beta");
  await deliver(killed, "acme");
  assert.equal(storage.tenantKinds, "h h o o");
  const entries = leaves("acme").length;

  const honest = recorder({ outbox: storage.left().outbox() });
  await deliver(honest, "acme");
  assert.ok(stated("acme").at(-1)?.startsWith(`${entries},`), `${stated("acme")}`);

  server.logs.set(idOf("acme"), leaves("acme").slice(1));
  const forgetful = recorder();
  await deliver(forgetful, "acme");
  const audit = recorder({ outbox: storage.left().outbox() });
  await assert.rejects(deliver(audit, "acme", "beta"), coded("proof.invalid"));
});

test("heads: a stopped tenant stays stopped, and its events stay in the outbox", async () => {
  const { server, tenants, idOf, leaves, told, recorder, stated } = served();
  const storage = new Storage();
  const audit = recorder({ outbox: storage.outbox() });
  await deliver(audit, "acme", "beta");
  const before = [...leaves("acme")];
  server.logs.set(idOf("acme"), ["false"]);
  await audit.record({ tenant: "acme", action: "job.delete" }).stored();
  await assert.rejects(audit.flush(), coded("log.rewritten"));
  assert.equal(audit.status().lost, 0);
  await audit.close();
  assert.equal(storage.tenantKinds, "h h o o tb x");

  // The server shows the first history again.
  server.logs.set(idOf("acme"), before);
  const requests = stated("acme").length;
  told.length = 0;
  const next = storage.left();
  const again = recorder({ outbox: next.outbox() });
  await again.ready();
  assert.deepEqual(
    told.map(({ code, tenant, evidence }) => [code, tenant, evidence?.origin, evidence?.since]),
    [["log.rewritten", "acme", tenants.acme, stated("acme").at(-1)]],
  );
  assert.equal(again.status().dead.length, 1);
  await assert.rejects(again.record({ tenant: "acme", action: "job.delete" }).delivered(), coded("log.rewritten"));
  await deliver(again, "beta");
  await again.close();
  assert.equal(stated("acme").length, requests);
  assert.equal(next.tenantKinds, "h h o o tb x");
});

for (const [name, options] of [
  ["by itself", { autoFlush: { maxDelayMs: 1 } }],
  ["in contexts that end one by one", { manyContexts: true }],
] as const) {
  test(`heads: a recorder that flushes ${name} reports the contradiction once, and continues`, async () => {
    const { server, idOf, told, recorder, stated } = served();
    const audit = recorder(options);
    const flush = () => ("manyContexts" in options ? audit.flush({ retryForMs: 5_000 }) : undefined);
    const deliverOf = async (tenant: string) => {
      const handle = audit.record({ tenant, action: "job.create" });
      await Promise.all([flush(), handle.delivered()]);
    };
    await deliverOf("acme");
    server.logs.set(idOf("acme"), ["false"]);
    await assert.rejects(deliverOf("acme"), coded("log.rewritten"));
    const requests = stated("acme").length;
    for (let nth = 0; nth < 3; nth++) {
      await deliverOf("beta");
    }
    assert.equal(stated("acme").length, requests);
    // A context's flush rejects with it instead.
    assert.equal(told.length, "manyContexts" in options ? 0 : 1, `${told}`);
  });
}

test("heads: the newest head is remembered when other tenants' chains replace a tenant's", async () => {
  const { server, recorder } = served();
  const tenants = Object.fromEntries(
    Array.from({ length: 70 }, (_, nth) => [`t-${nth}`, server.add(nth < 0x17 ? nth : nth + 1)]),
  );
  const audit = recorder({ tenants });
  for (const tenant of [...Object.keys(tenants), "t-0"]) {
    await deliver(audit, tenant);
  }
  await audit.close();
  const values = server.stated.get(tenants["t-0"]?.slice(-32) ?? "");
  assert.equal(values?.[0], "0,0");
  assert.ok(
    values?.slice(1).every((since) => since !== null && Number.parseInt(since, 10) > 0),
    `${values}`,
  );
});

test("heads: an answer is compared with a head that another submission brought in the meantime", async () => {
  const { server, tenants } = served();
  const newer = { since: "2,105", proof: "a head" };
  const compared: unknown[] = [];
  const store: HeadStore & { seen: typeof NO_HEAD } = {
    seen: NO_HEAD,
    contradiction: undefined,
    takeDisplaced: () => [],
    see: (head) => {
      store.seen = head;
    },
    contradict: () => {},
    keepUnproven: () => {},
  };
  let requests = 0;
  const logServer = new LogServer({
    ...server.to,
    fetch: async (url, init) => {
      requests++;
      const answer = await server.to.fetch?.(url, init);
      store.seen = newer;
      return answer ?? new Response();
    },
  });
  const destination = toLogServer(
    logServer.ofTenant(tenants.acme.slice(-32)),
    () => 0,
    () => {},
    {
      origin: tenants.acme,
      heads: store,
      compare: (since, proof) => {
        compared.push([since, proof]);
        return "3,106";
      },
    },
  );
  const link = `countersign/v1 close ${"0".repeat(32)} 1 2026-01-01T00:00:00.000Z prev sig`;
  const lines = new TextEncoder().encode(`${JSON.stringify({ link })}\n`);
  const batch = { id: 1, chain: "0".repeat(32), from: 1, to: 1, lines, pending: [], isStored: true };
  await destination.send([batch], { timeout: 1_000, keepalive: false });
  assert.deepEqual([requests, compared, store.seen.since], [2, [["2,105", "a head"]], "3,106"]);
});

test("heads: heads that an ended recorder left are used unless there is a newer one", async () => {
  const { recorder, stated } = served();
  const storage = new Storage();
  const ended = recorder({ outbox: storage.outbox() });
  await deliver(ended, "acme");
  const next = new Storage();
  const audit = recorder({ outbox: next.outbox() });
  await audit.ready();
  next.orphaned = storage.entries.map(({ bytes }) => bytes);
  await audit.flush();
  await deliver(audit, "acme");
  assert.equal(stated("acme").at(-1), "2,101");
  next.orphaned = storage.entries.map(({ bytes }) => bytes);
  await audit.flush();
  await deliver(audit, "acme");
  assert.equal(stated("acme").at(-1), "4,102");
  assert.match(next.tenantKinds, /^h o( o)*$/);
});

test("heads: of heads that several recorders left, the one of the latest tick counts", async () => {
  const { recorder, stated } = served();
  const [own, other] = [new Storage(), new Storage()];
  const audit = recorder({ outbox: own.outbox() });
  await deliver(audit, "acme");
  const later = recorder({ outbox: other.outbox() });
  await deliver(later, "acme");
  await deliver(later, "acme");
  const earlier = own.left();
  // Taken over while the recorder runs.
  own.orphaned = other.entries.map(({ bytes }) => bytes);
  await audit.flush();
  await deliver(audit, "acme");
  assert.equal(stated("acme").at(-1), "5,103");
  // Found at the start, the earlier one last.
  const both = new Storage();
  both.entries = [...other.entries, ...earlier.entries].map(({ bytes }, nth) => ({ id: nth + 1, bytes }));
  const next = recorder({ outbox: both.outbox() });
  await deliver(next, "acme");
  assert.equal(stated("acme").at(-1), "5,103");
});

test("heads: two heads in one outbox that contradict each other stop the tenant", async () => {
  const { server, idOf, tenants, recorder, stated } = served();
  const [own, other] = [new Storage(), new Storage()];
  const audit = recorder({ outbox: own.outbox() });
  await deliver(audit, "acme");
  const before = server.logs.get(idOf("acme"));
  // The other recorder is shown a log with as many entries, but others.
  server.logs.set(idOf("acme"), []);
  await deliver(recorder({ outbox: other.outbox() }), "acme");
  server.logs.set(idOf("acme"), before ?? []);
  own.orphaned = other.entries.map(({ bytes }) => bytes);
  const requests = stated("acme").length;
  const handle = audit.record({ tenant: "acme", action: "job.delete" });
  const isEvident = ({ code, tenant, evidence }: CountersignError) => {
    assert.deepEqual([code, tenant, evidence?.origin], ["log.rewritten", "acme", tenants.acme]);
    assert.deepEqual([evidence?.since, evidence?.before === evidence?.after], ["2,101", false]);
    return true;
  };
  await assert.rejects(audit.flush(), isEvident);
  await assert.rejects(handle.delivered(), isEvident);
  assert.equal(stated("acme").length, requests);
  assert.ok(own.tenantKinds.includes("x"));
});
