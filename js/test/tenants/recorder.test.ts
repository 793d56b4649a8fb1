/** Tests recording into the logs of tenants, on a log server. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { coded } from "../coded.ts";
import { Signer } from "../conformance/keys.ts";
import type { Options, Recorder } from "../deliver/recorder.ts";
import { creating } from "../deliver/recorder.ts";
import { TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);
const STRANGER = new Signer("example.com/stranger", 3);

let log: TenantServer;
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
});
after(() => log.close());

function recorder(options: Partial<Options>, told: string[] = []): Recorder {
  return creating({})({
    key: EMITTER.secret,
    to: log.url,
    log: log.vkey,
    onInvalid: "throw",
    retry: { initialDelayMs: 10, maxDelayMs: 100 },
    onError: ({ code }) => told.push(code),
    ...options,
  });
}

const actionsIn = (text: string) =>
  text.split("\n").flatMap((line) => (line.includes('"event":') ? [JSON.parse(line).event.action as string] : []));

test("tenants: events are recorded in the log of their tenant, and receipts prove it", async () => {
  const [acme, beta] = [await log.add("acme"), await log.add("beta")];
  const audit = recorder({ tenants: { acme, beta } });
  const [first, second] = [
    audit.record({ tenant: "acme", action: "job.create" }),
    audit.record({ tenant: "beta", action: "job.delete" }),
  ];
  const { proof, links, index } = await first.delivered();
  assert.match(proof ?? "", /^countersign\/v1 receipt\n1\n/);
  assert.ok(proof?.includes(`countersign/v1 head\n${acme}\n`));
  assert.deepEqual([links.length, index], [1, 1]);
  assert.ok((await second.delivered()).proof?.includes(`countersign/v1 head\n${beta}\n`));
  await audit.close();
  for (const [origin, action] of [
    [acme, "job.create"],
    [beta, "job.delete"],
  ] as const) {
    const text = await log.exported(origin);
    assert.deepEqual(actionsIn(text), [action]);
    await log.verify(text, origin);
  }
});

test("tenants: the log server creates logs for new tenants, once for each", async () => {
  const audit = recorder({ tenants: "create" });
  const handles = ["new-1", "new-2", "new-1"].map((tenant) => audit.record({ tenant, action: "job.create" }));
  const receipts = await Promise.all(handles.map((handle) => handle.delivered()));
  const origins = receipts.map(({ proof }) => /^countersign\/v1 head\n(.*)$/m.exec(proof ?? "")?.[1] ?? "");
  assert.equal(origins[0], origins[2]);
  assert.notEqual(origins[0], origins[1]);
  await audit.close();
  assert.equal(await log.add("new-1"), origins[0]);
  assert.deepEqual(actionsIn(await log.exported(origins[0] ?? "")), ["job.create", "job.create"]);
});

test("tenants: a signer outside the core can have logs created", async () => {
  const { vkey } = EMITTER;
  const audit = recorder({
    key: { vkey, sign: async (bytes) => Buffer.from(EMITTER.sign(Buffer.from(bytes).toString()), "base64") },
    tenants: "create",
  });
  await audit.record({ tenant: "signed elsewhere", action: "job.create" }).delivered();
  await audit.close();
});

test("tenants: a key that isn't an emitter's can't have logs created", async () => {
  const audit = recorder({ key: STRANGER.secret, tenants: "create" });
  audit.record({ tenant: "stranger's", action: "job.create" });
  await assert.rejects(audit.flush(), coded("tenant.failed"));
  assert.equal(audit.status().waiting, 1);
});

test("tenants: an unknown tenant fails only its own events", async () => {
  const acme = await log.add("acme");
  const told: string[] = [];
  const audit = recorder({ tenants: async (id) => (id === "acme" ? acme : undefined) }, told);
  const [known, unknown] = [
    audit.record({ tenant: "acme", action: "job.create" }),
    audit.record({ tenant: "nobody", action: "job.create" }),
  ];
  await assert.rejects(unknown.delivered(), coded("tenant.unknown"));
  await known.delivered();
  await audit.close();
  assert.deepEqual(told, ["tenant.unknown"]);
  assert.equal(audit.status().lost, 1);
});

test("tenants: an event without a tenant is invalid, unless there is a default", async () => {
  const acme = await log.add("acme");
  const strict = recorder({ tenants: { acme } });
  assert.throws(() => strict.record({ action: "job.create" }), coded("event.invalid", "tenant"));
  await strict.ready();
  assert.throws(() => strict.record({ action: "job.create" }), coded("event.invalid", "tenant"));
  assert.throws(() => strict.recordJson('{"action":"job.create"}'), coded("event.invalid", "tenant"));
  await strict.with({ tenant: "acme" }).record({ action: "job.create" }).delivered();
  await strict.close();
  const audit = recorder({ tenants: { acme }, defaultTenant: "acme" });
  assert.ok((await audit.record({ action: "job.create" }).delivered()).proof?.includes(acme));
  await audit.close();
});

test("tenants: an invalid event of an open tenant throws, or is reported and recorded as dropped", async () => {
  const acme = await log.add("acme");
  const strict = recorder({ tenants: { acme } });
  await strict.ready();
  assert.throws(() => strict.record({ tenant: "acme", action: "" }), coded("event.invalid", "action"));
  assert.equal(strict.status().lost, 0);
  await strict.close();

  const told: string[] = [];
  const audit = recorder({ tenants: { acme }, onInvalid: "report" }, told);
  await audit.ready();
  await assert.rejects(audit.record({ tenant: "acme", action: "" }).delivered(), { code: "event.invalid" });
  for (const json of ['{"action":"job.create"}', new Uint8Array([0xff])]) {
    await assert.rejects(audit.recordJson(json).delivered(), { code: "event.invalid" });
  }
  assert.deepEqual([told, audit.status().lost], [Array(3).fill("event.invalid"), 3]);
  await audit.close();
  assert.equal(actionsIn(await log.exported(acme)).filter((action) => action === "countersign.dropped").length, 1);
});

test("tenants: events dropped before the start don't keep the recorder from starting", async () => {
  const audit = recorder({
    tenants: () => {
      throw new Error("not now");
    },
    defaultTenant: "acme",
    maxWaitingBytes: 1,
    onFull: "drop",
  });
  audit.record({ action: "job.create" });
  await audit.ready();
  assert.equal(audit.status().dropped, 1);
});

/** Runs `program.ts` to its end. */
async function run(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const flags = ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
  const program = fileURLToPath(new URL("program.ts", import.meta.url));
  const child = spawn(process.execPath, [...flags, program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (output.stderr += text));
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, ...output };
}

test("tenants: a program that ends delivers its events, or reports them as lost", async () => {
  const { status, stdout, stderr } = await run(EMITTER.secret, log.url, log.vkey);
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
  assert.deepEqual(actionsIn(await log.exported(await log.add("of a program"))), ["job.create"]);

  const awaited = await run(EMITTER.secret, log.url, log.vkey, "awaited");
  assert.deepEqual([awaited.status, awaited.stdout, awaited.stderr], [0, "delivered\n", ""]);

  const unreachable = await run(EMITTER.secret, "http://127.0.0.1:1", log.vkey, "awaited");
  assert.equal(unreachable.status, 1);
  assert.equal(unreachable.stdout, "recorder.lost\n");
  assert.ok(unreachable.stderr.endsWith("recorder.lost\n"), unreachable.stderr);
  assert.ok(unreachable.stderr.startsWith("tenant.failed\n"), unreachable.stderr);
});
