/** Tests that a recorder keeps the states of logs that nothing waits for in its outbox, and not in memory. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import type { Batch } from "../../packages/countersign/dist/deliver/batch.js";
import type { CountersignError } from "../../packages/countersign/dist/error.js";
import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import type { Outbox } from "../../packages/countersign/dist/outbox/outbox.js";
import { RecorderOutbox } from "../../packages/countersign/dist/outbox/recorder-outbox.js";
import { fileValues } from "../../packages/countersign/dist/outbox/values.node.js";
import { coded } from "../coded.ts";
import { Signer } from "../conformance/keys.ts";
import { creating, type Options, type Recorder } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { until } from "../eventually.ts";
import { LyingServer } from "./lying-server.ts";

const EMITTER = new Signer("example.com/emitter", 2);
/** Number of tenants: more than may be open at once. */
const TENANTS = 80;
/** Number of open tenants of a recorder. */
const MAX_OPEN = 64;

/** A server with many tenants' logs, and recorders for it. */
function served() {
  const server = new LyingServer();
  const names = Array.from({ length: TENANTS }, (_, nth) => `t-${nth}`);
  const tenants = Object.fromEntries(names.map((name, nth) => [name, server.add(nth)]));
  const told: CountersignError[] = [];
  const recorder = (outbox: Outbox, options: Partial<Options> = {}): Recorder =>
    creating({})({
      key: EMITTER.secret,
      to: server.to,
      log: server.vkey,
      tenants,
      outbox,
      autoFlush: false,
      onInvalid: "throw",
      retry: { initialDelayMs: 1, maxDelayMs: 10 },
      onError: (error) => told.push(error),
      ...options,
    });
  /** Returns the values of `since` in submissions to a tenant's log. */
  const stated = (tenant: string) => server.stated.get(tenants[tenant]?.slice(-32) ?? "") ?? [];
  return { server, names, tenants, told, recorder, stated };
}

async function deliver(audit: Recorder, tenant: string): Promise<void> {
  const handle = audit.record({ tenant, action: "job.create" });
  await audit.flush();
  await handle.delivered();
}

/** Returns a storage with values. */
const withValues = () => new Storage({ values: new Map() });

test("values: the entries are those of open tenants, however many there were", async () => {
  const { names, recorder, stated, told } = served();
  const storage = withValues();
  const audit = recorder(storage.outbox());
  let most = 0;
  for (const tenant of names) {
    await deliver(audit, tenant);
    most = Math.max(most, storage.entries.length);
  }
  // An origin and a head for each open tenant, and for some whose entries are removed next.
  assert.ok(most <= 2 * (MAX_OPEN + 8) + 1, `${most} entries`);
  await until("idle logs are values", () => (storage.values?.size ?? 0) >= TENANTS - MAX_OPEN);
  assert.ok(storage.values?.has("t-0"));
  const before = stated("t-0").length;
  await deliver(audit, "t-0");
  assert.match(stated("t-0")[before] ?? "", /^[1-9]\d*,[1-9]\d*$/, "the newest head is stated again");
  await audit.close();
  assert.deepEqual(told, []);

  // The next recorder keeps the states of no log in its entries.
  const left = storage.left();
  const next = recorder(left.outbox());
  await deliver(next, "t-1");
  await next.close();
  assert.equal(left.values?.size, TENANTS + 1);
  assert.deepEqual(told, []);
});

test("values: what is released while other entries are removed is removed next", async () => {
  const storage = withValues();
  const outbox = new RecorderOutbox(storage.outbox());
  const origins = ["a", "b"].map((tenant) => `log.example/audit/t/${tenant.repeat(32)}`) as [string, string];
  await outbox.release("a", origins[0], () => false);
  await outbox.keepOrigin("a", origins[0]);
  await outbox.keepOrigin("b", origins[1]);
  const a = outbox.forTenant("a", origins[0]);
  assert.equal(storage.tenantKinds, "o o v");
  const { promise, resolve } = Promise.withResolvers<void>();
  storage.at = (_, make, { remove }) => (remove.length > 0 ? promise.then(make) : make());
  const removing = a.remove([{ id: 1_000 } as Batch]);
  await outbox.release("b", origins[1], () => true);
  resolve();
  await removing;
  assert.equal(storage.tenantKinds, "o o v");
  await a.remove([{ id: 1_001 } as Batch]);
  assert.equal(storage.tenantKinds, "o v");
});

test("values: a restarted recorder knows the log and the newest head of each tenant", async () => {
  const { names, recorder, stated, told, tenants } = served();
  const storage = withValues();
  const audit = recorder(storage.outbox());
  for (const tenant of names) {
    await deliver(audit, tenant);
  }
  await audit.close();

  const unavailable = recorder(storage.left().outbox(), {
    tenants: () => {
      throw new Error("not now");
    },
  });
  await unavailable.ready();
  const before = stated("t-0").length;
  const handle = unavailable.record({ tenant: "t-0", action: "job.delete" });
  await handle.stored();
  await unavailable.flush();
  assert.ok((await handle.delivered()).proof?.includes(tenants["t-0"] ?? "no log"));
  assert.match(stated("t-0")[before] ?? "", /^[1-9]\d*,[1-9]\d*$/);
  await unavailable.close();
  assert.deepEqual(told, []);

  const moved = recorder(storage.left().outbox(), { tenants: { ...tenants, "t-0": tenants["t-1"] ?? "" } });
  const rejected = moved.record({ tenant: "t-0", action: "job.delete" });
  await assert.rejects(rejected.delivered(), coded("tenant.changed"));
  await moved.close();
});

test("values: a log that was rewritten while nothing waited for it is noticed", async () => {
  const { names, server, recorder, tenants } = served();
  const storage = withValues();
  const audit = recorder(storage.outbox());
  for (const tenant of names) {
    await deliver(audit, tenant);
  }
  assert.ok(!storage.entries.some(({ bytes }) => new TextDecoder().decode(bytes).includes(tenants["t-0"] ?? "no log")));
  server.logs.get(tenants["t-0"]?.slice(-32) ?? "")?.splice(0);
  const rejected = audit.record({ tenant: "t-0", action: "job.delete" });
  await assert.rejects(audit.flush(), coded("log.rewritten"));
  await assert.rejects(rejected.delivered(), coded("log.rewritten"));
  await audit.close();
});

test("values: the loss of all values, or a changed one, is reported", async () => {
  const { names, recorder, stated, told } = served();
  const storage = withValues();
  const audit = recorder(storage.outbox());
  for (const tenant of names) {
    await deliver(audit, tenant);
  }
  await audit.close();

  const lost = storage.left();
  lost.values = new Map();
  const without = recorder(lost.outbox());
  await without.ready();
  assert.deepEqual(
    told.map(({ code, tenant }) => [code, tenant]),
    [["outbox.damaged", undefined]],
  );
  assert.match(told[0]?.message ?? "", /newest heads of tenants' logs are missing/);
  await without.close();

  told.length = 0;
  const changed = storage.left();
  changed.values?.set("t-0", new TextEncoder().encode('h"t-1"\nan origin\n1,2\n'));
  const next = recorder(changed.outbox());
  const before = stated("t-0").length;
  await deliver(next, "t-0");
  assert.equal(stated("t-0")[before], "0,0");
  await next.close();
  assert.deepEqual(
    told.map(({ code, tenant }) => [code, tenant]),
    [["outbox.damaged", "t-0"]],
  );
});

test("values: while they can't be read, events wait", async () => {
  const { names, recorder, told } = served();
  const storage = withValues();
  const audit = recorder(storage.outbox());
  for (const tenant of names) {
    await deliver(audit, tenant);
  }
  storage.reading = () => {
    throw new Error("the disk fails");
  };
  const handle = audit.record({ tenant: "t-0", action: "job.delete" });
  await assert.rejects(audit.flush(), coded("tenant.failed"));
  assert.equal(audit.status().waiting, 1);
  storage.reading = () => {};
  await audit.flush();
  await handle.delivered();
  await audit.close();
  assert.ok(told.every(({ code, tenant }) => code === "tenant.failed" && tenant === "t-0"));
});

test("values: an outbox without them keeps all heads as entries", async () => {
  const { names, recorder } = served();
  const storage = new Storage();
  const audit = recorder(storage.outbox());
  for (const tenant of names) {
    await deliver(audit, tenant);
  }
  await audit.close();
  assert.equal(storage.entries.length, 2 * TENANTS);
});

/** Returns an outbox file after a recorder used all tenants, and their recorders, names, and reported errors. */
async function usedFile() {
  const folder = mkdtempSync(join(tmpdir(), "countersign-values-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const scene = served();
  const path = join(folder, "outbox");
  const audit = scene.recorder(fileOutbox(path));
  for (const tenant of scene.names) {
    await deliver(audit, tenant);
  }
  await audit.close();
  assert.deepEqual(scene.told, []);
  // The state of each tenant is a value once the next recorder has started.
  const next = scene.recorder(fileOutbox(path));
  await next.ready();
  await next.close();
  assert.deepEqual(scene.told, []);
  return { ...scene, path };
}

/** Returns the path of a value's file. */
function fileOf(path: string, name: string): string {
  const hash = createHash("sha256").update(name).digest("hex");
  return join(`${path}.values`, hash.slice(0, 2), hash.slice(2, 42));
}

test("values: the file outbox has a file for each idle log, and notices changed ones", async () => {
  const { names, path, recorder, stated, told } = await usedFile();
  for (const name of ["", ...names]) {
    const bytes = readFileSync(fileOf(path, name));
    const at = bytes.length - 2;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(fileOf(path, name), bytes);
  }
  const next = recorder(fileOutbox(path));
  await next.ready();
  assert.deepEqual(
    told.splice(0).map(({ code, tenant }) => [code, tenant]),
    [["outbox.damaged", undefined]],
  );
  const before = stated("t-0").length;
  await deliver(next, "t-0");
  assert.equal(stated("t-0")[before], "0,0");
  await next.close();
  assert.deepEqual(
    told.map(({ code, tenant }) => [code, tenant]),
    [["outbox.damaged", "t-0"]],
  );
});

test("values: the file outbox notices the loss of a single head, when its tenant records", async () => {
  const { path, recorder, stated, told, tenants } = await usedFile();
  rmSync(fileOf(path, "t-0"));
  rmSync(dirname(fileOf(path, "t-1")), { recursive: true });
  const next = recorder(fileOutbox(path), { tenants: async (tenant) => tenants[tenant] });
  await next.ready();
  assert.equal(told.length, 0);
  for (const tenant of ["t-0", "t-1"]) {
    const before = stated(tenant).length;
    await deliver(next, tenant);
    assert.equal(stated(tenant)[before], "0,0");
    // Reported once, although the log was looked up in several steps.
    assert.deepEqual(
      told.map((error) => [error.code, error.tenant]),
      [["outbox.damaged", tenant]],
    );
    assert.match(told.splice(0)[0]?.message ?? "", /is missing: .*outbox\.values/);
  }
  // A tenant that never recorded is new, and no loss.
  rmSync(fileOf(path, "t-2"));
  rmSync(`${dirname(fileOf(path, "t-2"))}.list`);
  await deliver(next, "t-2");
  assert.deepEqual(told, []);
  await next.close();

  // From then on, the heads are known again.
  const later = recorder(fileOutbox(path));
  const before = stated("t-0").length;
  await deliver(later, "t-0");
  assert.match(stated("t-0")[before] ?? "", /^[1-9]\d*,[1-9]\d*$/);
  await later.close();
  assert.deepEqual(told, []);
});

test("values: a list that was written only in part is completed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-values-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "outbox");
  const [file, list] = [fileOf(path, "acme"), `${dirname(fileOf(path, "acme"))}.list`];
  const values = fileValues(() => path);
  const bytes = new TextEncoder().encode("a head");
  await values.set("acme", bytes);
  writeFileSync(list, basename(file).slice(0, 20));
  await values.set("acme", bytes);
  assert.equal(readFileSync(list, "latin1"), `${basename(file).slice(0, 20)}${basename(file)}\n`);
  await values.set("acme", bytes);
  assert.deepEqual(values.get("acme"), bytes);
  rmSync(file);
  assert.throws(() => values.get("acme"), coded("outbox.damaged"));
  assert.equal(values.get("umbrella"), undefined);
  assert.equal(readFileSync(list, "latin1").split("\n").length, 2, "it is listed once");
});
