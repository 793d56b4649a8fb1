/** Tests a Durable Object's log with a log for each tenant. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Chain } from "../conformance/chain.ts";
import { type Answer, ask, send } from "../conformance/http.ts";
import { hash, Signer } from "../conformance/keys.ts";
import { PROGRAM } from "../conformance/program.ts";
import { EMITTERS, ISSUER, LOG, ORIGIN, REVOKED, SETUP } from "../conformance/setup.ts";
import { Witness } from "../conformance/witness.ts";
import { creating, type Recorder } from "../deliver/recorder.ts";
import { eventually, until } from "../eventually.ts";
import { type LogSetup, type RunningLog, startLog } from "./start.ts";

const WORKER = fileURLToPath(new URL("worker-of-tenants.ts", import.meta.url));
const EMITTER = EMITTERS[0];
const HOUR = 3_600_000;
const STRANGER = new Signer("example.com/stranger", 9);

const token = (name: string) => `csr_${hash(`token of ${name}`).toString("hex")}`;
const reader = (name: string, rest: string) => `${hash(token(name)).toString("hex")} ${rest}\n`;
const [ADMIN, ALL, ERASER] = ["admin", "all", "eraser"].map(token) as [string, string, string];

const READERS = [
  reader("admin", "admin admin log=*"),
  reader("all", "read all log=*"),
  reader("eraser", "read,erase eraser log=*"),
  reader("growth", "growth growth log=*"),
  reader("none", "read,erase none"),
].join("");
const TENANTS: LogSetup = { ...SETUP, readers: READERS, worker: WORKER, tick: "changes" };

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing) {
    await close();
  }
});

async function start(setup: LogSetup = TENANTS): Promise<RunningLog> {
  const log = await startLog(setup);
  closing.push(() => log.close());
  return log;
}

const recorder = (log: RunningLog): Recorder =>
  creating({})({
    key: EMITTER.secret,
    // The URL changes with a restart.
    to: { url: log.url, fetch: (url, init) => fetch(String(url).replace(/^http:\/\/[^/]+/, log.url), init) },
    log: LOG.vkey,
    tenants: "create",
    retry: { initialDelayMs: 50, maxDelayMs: 200 },
  });

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const get = (log: RunningLog, path: string, token = ALL) => ask(log.url, path, { headers: bearer(token) });
const order = async (log: RunningLog, path: string) => (await ask(log.url, `/test/${path}`)).json as unknown;

/** Sends a request that is signed with its time. */
async function sendSigned(log: RunningLog, path: string, body: (time: string) => string): Promise<Answer> {
  const send = (time: string) => ask(log.url, path, { method: "POST", body: body(time) });
  const first = await send(new Date().toISOString());
  // The object may have started with this request.
  return first.status === 409 ? await send(String(first.json.now)) : first;
}

/** Creates a tenant, unless it exists, and returns its log's origin. */
async function create(log: RunningLog, name: string): Promise<string> {
  const answer = await sendSigned(log, "/tenants", (time) =>
    EMITTER.note(`countersign/v1 tenant\n${ORIGIN}\n${name}\n${time}\n`),
  );
  assert.equal(answer.status, 200, answer.text);
  assert.ok(Number.isSafeInteger(answer.json.since), answer.text);
  return String(answer.json.origin);
}

const pathOf = (origin: string) => `/t/${origin.slice(-32)}`;

async function exported(log: RunningLog, origin: string): Promise<string> {
  const answer = await get(log, `${pathOf(origin)}/export`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers["cache-control"], "private, no-store");
  return answer.text;
}

const eventsIn = (text: string) =>
  text
    .split("\n")
    .flatMap((line) =>
      line.includes('"event":') ? [JSON.parse(line).event as { action: string; target?: object }] : [],
    );
const actionsIn = (text: string) => eventsIn(text).map(({ action }) => action);

/** Asserts that this is the refusal of a request for a tenant log, which no cache may keep. */
function refused(answer: Answer, status: number, code: string): void {
  const error = answer.json.error as { code: string } | undefined;
  assert.deepEqual([answer.status, error?.code], [status, code], answer.text);
  assert.equal(answer.headers["cache-control"], "private, no-store");
}

/** Verifies the export of a tenant's log, and returns its events' actions. Rejects unless it is verified. */
async function verified(log: RunningLog, origin: string): Promise<string[]> {
  const text = await exported(log, origin);
  const folder = mkdtempSync(join(tmpdir(), "countersign-tenants-"));
  try {
    const [file, trust] = [join(folder, "export.ndjson"), join(folder, "trust.txt")];
    writeFileSync(file, text);
    writeFileSync(trust, `${SETUP.trust}emitter ${LOG.vkey}\norigin ${origin}\n`);
    await promisify(execFile)(PROGRAM ?? "countersign", ["verify", file, "--trust", trust]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return actionsIn(text);
}

const sizeOf = async (log: RunningLog) => Number((await ask(log.url, "/checkpoint")).text.split("\n")[1]);

test("tenants: a recorder creates two logs, and each is complete", { timeout: 120_000 }, async () => {
  const log = await start();
  const audit = recorder(log);
  const handles = [
    audit.record({ tenant: "acme", action: "job.create" }),
    audit.record({ tenant: "beta", action: "job.delete" }),
    audit.record({ tenant: "acme", action: "job.update" }),
  ];
  const receipts = await Promise.all(handles.map((handle) => handle.delivered()));
  await audit.close();
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  assert.match(acme, /^log\.example\/audit\/t\/[0-9a-f]{32}$/);
  assert.ok(receipts[0]?.proof?.includes(`countersign/v1 head\n${acme}\n`));
  assert.ok(receipts[1]?.proof?.includes(`countersign/v1 head\n${beta}\n`));
  assert.deepEqual(await verified(log, acme), ["job.create", "job.update"]);
  assert.deepEqual(await verified(log, beta), ["job.delete"]);
});

const submit = (log: RunningLog, origin: string, body: string) =>
  ask(log.url, `${pathOf(origin)}/submit`, { method: "POST", body });

async function accepted(log: RunningLog, origin: string, body: string): Promise<void> {
  const answer = await submit(log, origin, body);
  assert.equal(answer.status, 200, answer.text);
}

/** Ends the object as the platform does when it is idle. */
async function rest(log: RunningLog): Promise<void> {
  await ask(log.url, "/test/rest").catch(() => {});
}

test("tenants: an object that was evicted, or killed, continues all logs", { timeout: 120_000 }, async () => {
  const log = await start();
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  const chain = Chain.begin(EMITTER, acme, "rests").events(3);
  await accepted(log, acme, chain.body());
  await rest(log);
  // The first request after the start is answered, although no directory outlives the object.
  assert.equal((await verified(log, acme)).length, 3);
  await rest(log);
  await accepted(log, acme, chain.body());
  assert.equal(await create(log, "beta"), beta);
  const audit = recorder(log);
  const delivered = new Set<string>();
  const handles = Array.from({ length: 200 }, (_, n) => {
    const tenant = n % 2 === 0 ? "acme" : "beta";
    const handle = audit.record({ tenant, action: "job.run", target: { type: "job", id: `e${n}` } });
    return handle.delivered().then(() => delivered.add(`e${n}`));
  });
  await Promise.race(handles);
  // More is under way when the process is killed.
  const more = Array.from({ length: 20 }, (_, n) => {
    const late = Chain.begin(EMITTER, beta, `late ${n}`).events(5);
    return submit(log, beta, late.body()).then(
      ({ status }) => status === 200 && delivered.add(`chain ${late.id}`),
      () => {},
    );
  });
  log.kill();
  await Promise.all(more);
  const known = new Set(delivered);
  await log.restart(TENANTS);
  const texts = [await exported(log, acme), await exported(log, beta)].join("");
  for (const id of known) {
    assert.ok(id.startsWith("chain ") ? texts.includes(id.slice(6)) : texts.includes(`"id":"${id}"`), id);
  }
  await verified(log, acme);
  await verified(log, beta);
  await audit.flush();
  await audit.close();
});

test("tenants: a tick is atomic whichever statement fails, and the log continues", { timeout: 240_000 }, async () => {
  const log = await start();
  const acme = await create(log, "acme");
  const sizeOfAcme = async () => (await exported(log, acme)).split('"link":').length - 1;
  let entries = 0;
  for (let statement = 1, failed = true; failed; statement += 1) {
    assert.ok(statement < 60, "some statement must be the last");
    const body = Chain.begin(EMITTERS[1], acme, `fault ${statement}`).events(2).body();
    await order(log, `fail/${statement}`);
    const answer = await submit(log, acme, body);
    await order(log, "fail/0");
    failed = answer.status !== 200;
    if (failed) {
      refused(answer, 503, "server.unavailable");
      assert.ok([entries, entries + 3].includes(await sizeOfAcme()), `${statement}`);
      await accepted(log, acme, body);
    }
    entries += 3;
    assert.equal(await sizeOfAcme(), entries, `${statement}`);
  }
  await rest(log);
  assert.equal((await verified(log, acme)).length, (entries / 3) * 2);
});

test("tenants: ticks depend on growth, or come at an interval", { timeout: 120_000 }, async () => {
  const log = await start();
  const acme = await create(log, "acme");
  const alarm = async () => Number(await order(log, "waits"));
  const size = await sizeOf(log);
  // At most 10 minutes after the last tick, whatever happens.
  const idle = (await alarm()) - Date.now();
  assert.ok(idle > 0 && idle <= 600_000, `${idle}`);
  await accepted(log, acme, Chain.begin(EMITTER, acme, "ticks").events(1).body());
  assert.equal(await sizeOf(log), size + 1);
  await verified(log, acme);
  await order(log, "alarm");
  assert.equal(await sizeOf(log), size + 1);
  await order(log, "ahead/600000");
  await order(log, "alarm");
  assert.equal(await sizeOf(log), size + 2);
  await verified(log, acme);

  const regular = await start({ ...TENANTS, tick: "1s" });
  const before = await sizeOf(regular);
  await eventually(
    "three ticks without growth",
    () => sizeOf(regular),
    (now) => now >= before + 3,
  );
  const times = (await ask(regular.url, `/tile/entries/000.p/${before + 3}`)).text.match(/20\d\d-[^ ]+Z/g) ?? [];
  const seconds = times.map((time) => Date.parse(time) / 1000);
  assert.ok(seconds.length > 2 && seconds.every((second, n) => n === 0 || second > (seconds[n - 1] ?? 0)));
});

test("tenants: writes few rows for a tick", { timeout: 120_000 }, async () => {
  const log = await start();
  // To the beginning of an hour: its last checkpoint is kept.
  await order(log, `ahead/${HOUR - (Date.now() % HOUR)}`);
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  const chains = [acme, beta].map((origin) => Chain.begin(EMITTER, origin, "rows").events(1));
  for (const [n, origin] of [acme, beta].entries()) {
    await accepted(log, origin, chains[n]?.body() ?? "");
  }
  const counts: number[] = [];
  for (const round of [1, 2, 3]) {
    await order(log, "written");
    const body = chains[0]?.events(1).body(1 + round) ?? "";
    await accepted(log, acme, body);
    counts.push(Number(await order(log, "written")));
  }
  await order(log, "written");
  await order(log, "ahead/600000");
  await order(log, "alarm");
  counts.push(Number(await order(log, "written")));
  // docs/running-tenant-logs.md states these numbers.
  assert.deepEqual(counts, [10, 10, 10, 4]);
});

test("tenants: erases and records it in the tenant's log", { timeout: 120_000 }, async () => {
  const log = await start();
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  const chain = Chain.begin(EMITTER, acme, "erases").events(4);
  await accepted(log, acme, chain.body());
  const erase = (origin: string, id: string) =>
    ask(log.url, `${pathOf(origin)}/erase`, {
      method: "POST",
      headers: bearer(ERASER),
      body: JSON.stringify({ events: [id], reason: "case 1" }),
    });
  const answer = await erase(acme, `${chain.id}/2`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.erased, 1);
  assert.equal((await erase(beta, `${chain.id}/2`)).status, 404);
  const text = await exported(log, acme);
  assert.equal(text.split('"withheld":"erased"').length - 1, 1);
  assert.ok(actionsIn(text).includes("log.erase"));
  // Unchanged, with a withheld event.
  await assert.rejects(verified(log, acme), { code: 4 });
  const erasures = await get(log, `${pathOf(acme)}/erasures`, ERASER);
  assert.equal((erasures.json.erasures as { state: string }[])[0]?.state, "done");
  assert.deepEqual((await get(log, `${pathOf(beta)}/erasures`, ERASER)).json.erasures, []);

  // An erasure that was recorded is completed by the next object.
  for (let statement = 1, status = 503; status === 503; statement += 1) {
    assert.ok(statement < 60, "some statement must be the last");
    await order(log, `fail/${statement}`);
    ({ status } = await erase(acme, `${chain.id}/3`));
    await order(log, "fail/0");
  }
  await rest(log);
  await eventually(
    "both events are erased",
    async () => (await exported(log, acme)).split('"withheld":"erased"').length - 1,
    (erased) => erased === 2,
  );
});

test("tenants: records who exports a log in that log", { timeout: 120_000 }, async () => {
  const log = await start({ ...TENANTS, trust: `${SETUP.trust}emitter ${LOG.vkey}\n` });
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  for (const origin of [acme, beta]) {
    await accepted(log, origin, Chain.begin(EMITTER, origin, "reads").events(1).body());
  }
  await exported(log, acme);
  await rest(log);
  assert.ok(!(await exported(log, beta)).includes("log.export"));
  await order(log, "ahead/61000");
  await order(log, "alarm");
  const text = await exported(log, acme);
  const targets = eventsIn(text).flatMap(({ action, target }) => (action === "log.export" ? [target] : []));
  assert.deepEqual(targets, [{ type: "log", id: acme }]);
  assert.ok((await verified(log, beta)).includes("log.export"));
});

test("tenants: readers and emitters learn nothing about other tenants", { timeout: 120_000 }, async () => {
  const log = await start();
  const acme = await create(log, "acme");
  const [unknown, malformed] = ["00".repeat(16), "AA".repeat(16)];
  const only = reader("only", `read only log=${acme.slice(-32)}`);
  await log.restart({ ...TENANTS, readers: READERS + only });
  const beta = await create(log, "beta");
  await accepted(log, acme, Chain.begin(EMITTER, acme, "reads").events(1).body());
  assert.equal((await get(log, `${pathOf(acme)}/export`, token("only"))).status, 200);
  const paths = ["export", "head", "tile/0/000.p/1", "stream", `proof/${"0".repeat(32)}/1`, "explain?filter=a"];
  for (const path of paths) {
    const answers = await Promise.all(
      [beta.slice(-32), unknown, malformed].map((id) => get(log, `/t/${id}/${path}`, token("only"))),
    );
    for (const answer of answers) {
      refused(answer, 404, "request.not_found");
    }
    const anonymous = await Promise.all([acme.slice(-32), unknown].map((id) => ask(log.url, `/t/${id}/${path}`)));
    assert.deepEqual(
      anonymous.map(({ status, text }) => [status, text]),
      [401, 401].map((status) => [status, anonymous[0]?.text]),
      path,
    );
    // A token without log= reads nothing.
    assert.equal((await get(log, `${pathOf(acme)}/${path}`, token("none"))).status, 404, path);
  }
  // An emitter that the log doesn't know gets the same refusal for every ID.
  const strangers = await Promise.all(
    [acme, `${ORIGIN}/t/${unknown}`].map((origin) =>
      submit(log, origin, Chain.begin(STRANGER, origin, "stranger").events(1).body()),
    ),
  );
  assert.deepEqual(
    strangers.map(({ status }) => status),
    [403, 403],
  );
  const nowhere = `${ORIGIN}/t/${unknown}`;
  refused(await submit(log, nowhere, Chain.begin(EMITTER, nowhere, "x").events(1).body()), 404, "tenant.unknown");
  // Public answers have no names, and details are for administrators.
  for (const path of ["/", "/checkpoint", "/healthz", "/metrics", "/evidence", "/tenants", "/tile/entries/000.p/1"]) {
    const { text, status } = await ask(log.url, path);
    assert.ok(!text.includes("acme"), path);
    assert.equal(status, ["/metrics", "/evidence", "/tenants"].includes(path) ? 401 : 200, path);
  }
  assert.deepEqual((await ask(log.url, "/healthz")).json, { status: "healthy" });
  assert.equal((await get(log, "/healthz", ADMIN)).json.healthy, true);
  const listed = (await get(log, "/tenants", ADMIN)).text.trim().split("\n");
  assert.deepEqual(
    listed.map((line) => [JSON.parse(line).name, JSON.parse(line).size]),
    [
      ["acme", 2],
      ["beta", 0],
    ],
  );
});

test("tenants: the root log takes no entries, and only emitters and administrators create tenants", async () => {
  const log = await start();
  (await ask(log.url, "/submit", { method: "POST", body: "x" })).refusal(404, "tenant.required");
  (await get(log, "/export")).refusal(404, "tenant.required");
  const post = (body: string, headers = {}) => ask(log.url, "/tenants", { method: "POST", body, headers });
  const request = (name: string, key = EMITTER) =>
    key.note(`countersign/v1 tenant\n${ORIGIN}\n${name}\n${new Date().toISOString()}\n`);
  assert.equal((await post(request("acme", REVOKED))).status, 403);
  assert.equal((await post(request("a".repeat(256)))).status, 400);
  assert.equal((await post(request("a".repeat(5000)))).status, 413);
  assert.equal((await post('{"name":"acme"}')).status, 401);
  assert.equal((await post('{"name":"acme"}', bearer(ALL))).status, 403);
  const created = await post('{"name":"acme"}', bearer(ADMIN));
  assert.equal(created.status, 200, created.text);
  assert.deepEqual((await post(request("acme"))).json, created.json);
  assert.equal((await ask(log.url, "/tenants", { method: "DELETE" })).status, 405);
});

test("tenants: a live view shows one tenant's events, also after the object ended", { timeout: 120_000 }, async () => {
  const log = await start();
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  const chain = Chain.begin(EMITTER, acme, "live").events(1);
  await accepted(log, acme, chain.body());
  const view = await send(log.url, `${pathOf(acme)}/stream?from=0`, { headers: bearer(ALL) });
  let seen = "";
  view.setEncoding("utf8").on("data", (text) => {
    seen += text;
  });
  view.on("error", () => {});
  const events = () => seen.split('"event":').length - 1;
  await until("the first event", () => events() === 1);
  assert.ok(seen.startsWith(": following\n\n"), seen.slice(0, 40));
  await accepted(log, beta, Chain.begin(EMITTER, beta, "live").events(1).body());
  await accepted(log, acme, chain.events(1).body(2));
  await until("the second event", () => events() === 2);
  const last = [...seen.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? "";
  view.destroy();
  await rest(log);
  await accepted(log, acme, chain.events(1).body(3));
  const again = await send(log.url, `${pathOf(acme)}/stream`, {
    headers: { ...bearer(ALL), "last-event-id": last },
  });
  seen = "";
  again.setEncoding("utf8").on("data", (text) => {
    seen += text;
  });
  again.on("error", () => {});
  await until("the third event", () => events() === 1);
  again.destroy();
});

test("tenants: a restored object makes no tick", { timeout: 240_000 }, async () => {
  const log = await start();
  const acme = await create(log, "acme");
  const size = await sizeOf(log);
  // A copy of a bundle that this object has not filled: it was restored to an earlier state.
  await (await log.worker.getR2Bucket("TILES")).put(`${ORIGIN}/tile/entries/000`, "what was published before");
  await rest(log);
  assert.equal((await submit(log, acme, Chain.begin(EMITTER, acme, "restored").body())).status, 503);
  assert.equal((await get(log, `${pathOf(acme)}/export`)).status, 503);
  await order(log, "alarm");
  assert.equal(await sizeOf(log), size);
  await log.hears(/accepts no more entries, because that would fork it/);
});

test("tenants: with a witness, a submission waits for the cosigned tick", { timeout: 120_000 }, async () => {
  const witness = new Witness(LOG.vkey);
  closing.push(() => witness.close());
  const url = await witness.listen();
  const trust = `${SETUP.trust}witness w ${witness.key.vkey} ${url}\nquorum w\n`;
  const log = await start({ ...TENANTS, trust });
  const acme = await create(log, "acme");
  const chain = Chain.begin(EMITTER, acme, "witnessed").events(1);
  const answer = await submit(log, acme, chain.body());
  assert.equal(answer.status, 200, answer.text);
  assert.ok(String(answer.json.root).includes("\u2014 witness.example "), answer.text);
  await rest(log);
  // The object asks the witness before its first tick, and the reader waits for both.
  assert.ok((await exported(log, acme)).includes("\u2014 witness.example "));
  await accepted(log, acme, chain.events(1).body(2));
  // Without an answer of the witness, the tick is published later.
  witness.failing = true;
  await accepted(log, acme, chain.events(1).body(3));
  witness.failing = false;
  await rest(log);
  assert.equal(actionsIn(await exported(log, acme)).length, 3);
});

test("tenants: unsuitable settings and objects are refused", { timeout: 120_000 }, async () => {
  const log = await start({ ...SETUP, worker: WORKER });
  const body = Chain.begin(EMITTER, ORIGIN, "ordinary").events(1).body();
  assert.equal((await ask(log.url, "/submit", { method: "POST", body })).status, 200);
  await log.restart(TENANTS);
  (await ask(log.url, "/checkpoint")).refusal(503, "server.unavailable");
  await log.hears(/an ordinary log, which can't get tenants/);
  const other = await start();
  await create(other, "acme");
  await other.restart({ ...SETUP, worker: WORKER });
  (await ask(other.url, "/checkpoint")).refusal(503, "server.unavailable");
  await other.hears(/contains a log with tenants; set AUDIT_TENANTS to 1/);
  await other.restart({ ...TENANTS, tick: "500ms" });
  (await ask(other.url, "/checkpoint")).refusal(503, "server.unavailable");
  await other.hears(/AUDIT_TICK must be changes, or 1s to 20s, not "500ms"/);
  await other.restart({ ...TENANTS, tick: "21s" });
  (await ask(other.url, "/checkpoint")).refusal(503, "server.unavailable");
  await other.hears(/AUDIT_TICK must be changes, or 1s to 20s, not "21s"/);
  for (const [name, value] of Object.entries({ AUDIT_RETAIN: "7y", AUDIT_HOLD: "tenant=acme" })) {
    await other.restart({ ...TENANTS, variables: { [name]: value } });
    (await ask(other.url, "/checkpoint")).refusal(503, "server.unavailable");
    await other.hears(new RegExp(`${name} is not supported in a Durable Object`));
  }
  await other.restart({ ...TENANTS, variables: { AUDIT_MAX_WAITING: "65" } });
  (await ask(other.url, "/checkpoint")).refusal(503, "server.unavailable");
  await other.hears(/AUDIT_MAX_WAITING must be a number of MiB from 1 to 64, not 65/);
  await other.restart({ ...TENANTS, withExports: true });
  (await ask(other.url, "/checkpoint")).refusal(503, "server.unavailable");
  await other.hears(/the binding EXPORTS is not supported for a log with tenants/);
  await other.restart(TENANTS);
  assert.equal((await ask(other.url, "/checkpoint")).status, 200);
});

test("tenants: quotas are per log, also for clients that disconnect before the tick", {
  timeout: 120_000,
}, async () => {
  const variables = { AUDIT_QUOTA_EVENTS: "10", AUDIT_QUOTA_TENANT_EVENTS: "15", AUDIT_QUOTA_BURST: "10" };
  const log = await start({ ...TENANTS, tick: "5s", variables });
  const [acme, beta] = await Promise.all([create(log, "acme"), create(log, "beta")]);
  const size = async (origin: string) =>
    JSON.parse((await get(log, "/tenants", ADMIN)).text.split("\n").find((line) => line.includes(origin)) ?? "{}")
      .size as number;
  // Each client disconnects while its submission waits for the tick, which is 5 seconds away at most.
  let sent = 0;
  for (; sent < 3; sent += 1) {
    const body = Chain.begin(EMITTER, acme, `gone ${sent}`).events(500).body();
    const gone = new AbortController();
    const request = fetch(`${log.url}${pathOf(acme)}/submit`, { method: "POST", body, signal: gone.signal });
    const answer = await Promise.race([request.then(({ status }) => status), sleep(500).then(() => "waiting")]);
    gone.abort();
    await request.catch(() => {});
    if (answer === 429) {
      break;
    }
  }
  await eventually(
    "a tick",
    () => size(acme),
    (entries) => entries >= 501,
  );
  const refusal = await submit(log, acme, Chain.begin(EMITTER, acme, "late").events(1).body());
  refused(refusal, 429, "submit.quota");
  // The log as a whole.
  const another = await submit(log, acme, Chain.begin(EMITTERS[1], acme, "late").events(1).body());
  refused(another, 429, "submit.quota");
  await accepted(log, beta, Chain.begin(EMITTER, beta, "other").events(50).body());
});

test("tenants: an issuer's key notes reach all logs that need them", { timeout: 120_000 }, async () => {
  const log = await start();
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  const granted = new Signer("example.net/worker", 7);
  const place = (statement: string) => {
    const note = ISSUER.note(`countersign/v1 keys\n${ORIGIN}\n${statement}\n`);
    const leaf = createHash("sha256").update("\0").update(note).digest("base64");
    return sendSigned(log, "/keys", (time) => {
      const request = ISSUER.note(`countersign/v1 place\n${ORIGIN}\n${leaf}\n${time}\n`);
      return JSON.stringify({ request, note });
    });
  };
  const first = Chain.begin(granted, acme, "granted").events(1).body();
  refused(await submit(log, acme, first), 403, "log.unauthorized");
  const grant = await place(`grant ${granted.vkey} - -`);
  assert.equal(grant.status, 200, grant.text);
  await accepted(log, acme, first);
  await rest(log);
  const revocation = await place(`revoke ${granted.vkey} -`);
  assert.equal(revocation.status, 200, revocation.text);
  assert.deepEqual(Object.keys(revocation.json.logs as object), [acme]);
  assert.deepEqual(revocation.json.missing, []);
  const late = Chain.begin(granted, beta, "late").events(1).body();
  assert.equal((await submit(log, beta, late)).status, 403);
  assert.equal((await ask(log.url, "/keys")).status, 405);
  assert.equal((await ask(log.url, "/keys", { method: "POST", body: "x".repeat(40_000) })).status, 413);
});

test("tenants: ticks are shown to growth witnesses", { timeout: 120_000 }, async () => {
  const log = await start();
  const acme = await create(log, "acme");
  const lines = async (path: string) => {
    const answer = await get(log, path, token("growth"));
    assert.equal(answer.status, 200, answer.text);
    return answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const [header, snapshot, head] = await lines("/growth");
  assert.equal(header.origin, ORIGIN);
  assert.deepEqual([snapshot.snapshot, head.id], [header.next - 1, acme.slice(-32)]);
  await accepted(log, acme, Chain.begin(EMITTER, acme, "grows").events(2).body());
  const [, tick, change] = await lines(`/growth?from=${header.next}`);
  assert.deepEqual([tick.tick, tick.changes, change.size, change.from], [header.next, 1, 3, 0]);
  const body = `{"id":"${acme.slice(-32)}","from":1,"to":3}\n`;
  const proofs = await ask(log.url, "/growth", { method: "POST", headers: bearer(token("growth")), body });
  assert.equal(JSON.parse(proofs.text).proof.length, 2, proofs.text);
  for (const path of ["/growth", "/growth?from=x"]) {
    assert.equal((await ask(log.url, path)).status, 401);
    assert.equal((await get(log, path, ADMIN)).status, 403);
  }
});

test("tenants: a growth witness reads a tick before it cosigns it", { timeout: 120_000 }, async () => {
  const witness = new Witness(LOG.vkey);
  closing.push(() => witness.close());
  const url = await witness.listen();
  const trust = `${SETUP.trust}witness w ${witness.key.vkey} ${url}\nquorum w\n`;
  const log = await start({ ...TENANTS, trust });
  const read: number[] = [];
  const holder = bearer(token("growth"));
  witness.before = async () => {
    const answer = await ask(log.url, "/growth", { headers: holder });
    read.push(answer.status);
    // A witness that continues with a snapshot also asks for proofs.
    await ask(log.url, "/growth", { method: "POST", headers: holder, body: "x" });
  };
  const acme = await create(log, "acme");
  await accepted(log, acme, Chain.begin(EMITTER, acme, "witnessed").events(1).body());
  await rest(log);
  // Neither the start of the object nor its first tick waits for the witness in vain.
  const text = await exported(log, acme);
  assert.ok(text.includes("\u2014 witness.example "));
  assert.ok(read.length >= 3 && read.every((status) => status === 200), read.join());
});

test("tenants: a log can be ended", { timeout: 120_000 }, async () => {
  const log = await start({ ...TENANTS, trust: `${SETUP.trust}emitter ${LOG.vkey}\n` });
  const [acme, beta] = [await create(log, "acme"), await create(log, "beta")];
  const chain = Chain.begin(EMITTER, acme, "ends").events(1);
  await accepted(log, acme, chain.body());
  const end = (body: object, holder = ADMIN) =>
    ask(log.url, "/tenants/end", { method: "POST", headers: bearer(holder), body: JSON.stringify(body) });
  refused(await end({ name: "acme" }, ALL), 403, "request.forbidden");
  refused(await end({ name: "gamma" }), 404, "tenant.unknown");
  const ended = await end({ name: "acme" });
  assert.deepEqual([ended.status, ended.json], [200, { name: "acme", origin: acme, state: "ended" }]);
  await rest(log);
  refused(await submit(log, acme, chain.events(1).body(2)), 410, "log.ended");
  assert.ok((await verified(log, acme)).includes("log.end"));
  await accepted(log, beta, Chain.begin(EMITTER, beta, "continues").events(1).body());
  assert.equal((await end({ name: "acme" })).status, 200);
  const states = (await get(log, "/tenants", ADMIN)).text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).state);
  assert.deepEqual(states, ["ended", "live"]);
});

test("tenants: what an object lacks has a code of its own", async () => {
  const log = await start();
  const acme = await create(log, "acme");
  refused(await ask(log.url, `${pathOf(acme)}/`), 501, "server.unsupported");
  refused(await get(log, `${pathOf(acme)}/findings`), 501, "server.unsupported");
  const root = await get(log, "/");
  assert.equal(root.status, 200);
  assert.ok(root.text.includes(`the log ${ORIGIN}, with a log for each tenant`) && !root.text.includes("<"), root.text);
});
