/** Runs each JavaScript block of the READMEs, and of the guides to the npm package, with only its placeholders replaced. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Route } from "playwright-core";
import { GatedLog, skip } from "../adapters/gate.ts";
import { Signer } from "../conformance/keys.ts";
import { AUDITOR, EMITTERS, ISSUER, LOG, ORIGIN, SETUP } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { listServer, WATCH, watchlist } from "../gate/lists.ts";
import { PATHS } from "../gate/packs.ts";
import { grantRequest } from "../keys/grant-requests.ts";
import { skip as noPostgres, startPostgres } from "../postgres/server.ts";
import { TenantServer } from "../tenants/server.ts";
import { Installed } from "./installed.ts";
import { build, inBrowser, inWorkerd } from "./runtimes.ts";

const [{ secret: KEY, vkey: VKEY }] = EMITTERS;
const EVENT = { action: "job.delete", actor: { id: "u_1" }, target: { type: "cron_job", id: "42" } };

const installed = new Installed("countersign", "@countersign/cloudflare-log");
const log = new GatedLog();

/** Returns the blocks of a README in order. */
const blocks = (path: string) =>
  [...readFileSync(new URL(path, import.meta.url), "utf8").matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)].map(
    ([, code = ""]) => code,
  );
const readmes = ["countersign", "viewer", "cloudflare-log"].map((name) => `../../packages/${name}/README.md`);
const guides = [
  "adapters",
  "browser-keys",
  "delivery",
  "npm-program",
  "postgres",
  "reading-in-javascript",
  "recorder",
  "recording-for-tenants",
  "recording-to-a-file",
  "runtimes",
  "scopes",
  "testing",
  "verifying-in-javascript",
].map((name) => `../../../docs/${name}.md`);
// A block that several of them show is run once.
const ours = [...new Set([...readmes, ...guides].flatMap(blocks))];
const project = blocks("../../../README.md");

/** Replaces placeholders. */
const placed = (code: string) =>
  code
    .replaceAll("https://log.example", log.url)
    .replaceAll("example.com/audit+1a2b3c4d+A…", LOG.vkey)
    .replaceAll("example.com/dashboard+1a2b3c4d+A…", VKEY)
    .replaceAll('issuer: "example.com"', `issuer: "${ISSUER.name}"`);

/** Runs a block in Node.js between other code, and returns its output. */
async function onNode(code: string, before = "", after = ""): Promise<string> {
  const file = installed.path(`block-${Math.random()}.mjs`);
  writeFileSync(file, `${before}\n${placed(code)}\n${after}\n`);
  // Bundlers set NODE_ENV in this process.
  const env = { ...process.env, AUDIT_KEY: KEY, NO_COLOR: "1", NODE_ENV: "test" };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: installed.folder, env });
  assert.equal(stderr, "");
  return stdout;
}

const bindings = () => ({ AUDIT_KEY: KEY, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey });

/** Code that creates a recorder for blocks that use one. */
const AUDIT = (url = log.url) => `
  const { createRecorder: create } = await import("countersign");
  const [key, to, log] = ${JSON.stringify([KEY, url, LOG.vkey])};
  const audit = create({ key, to, log });`;

/** The cookie of an authorized session. */
const SESSION = "session=alice";

/** Returns the handler of a block that grants keys. */
async function granting(code: string): Promise<(request: Request) => Promise<Response>> {
  const file = installed.path(`issuer-${Math.random()}.mjs`);
  const stub = `const sessionOf = async ({ headers }) => (headers.get("cookie") === "${SESSION}" ? {} : undefined);`;
  writeFileSync(file, `${stub}\n${placed(code)}`);
  Object.assign(process.env, { AUDIT_ISSUER: ISSUER.secret, AUDIT_LOG: LOG.vkey });
  return (await import(pathToFileURL(file).href)).grant;
}

/** Returns the request of a page. */
async function asked(route: Route): Promise<Request> {
  const request = route.request();
  const body = request.postDataBuffer();
  return new Request(request.url(), {
    method: request.method(),
    headers: await request.allHeaders(),
    body: body === null ? null : new Uint8Array(body),
  });
}

async function answer(route: Route, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  await route.fulfill({ status: response.status, headers: Object.fromEntries(response.headers), body });
}

/** Code that creates an export for blocks that verify one. */
const EXPORT = `
  import { createRecorder as create, memory } from "countersign";
  const exported = memory();
  const recorder = create({ key: ${JSON.stringify(KEY)}, origin: "${ORIGIN}", to: exported });
  recorder.record({ action: "job.delete" });
  await recorder.close();`;

const PROGRAM_SERVERS = `
  import { createServer } from "node:http";
  import { createRecorder, memory } from "countersign";
  import { withCountersign } from "countersign/cloudflare";
  const used = [];
  const app = { use: (one) => used.push(one), addHook: (name, one) => used.push(one) };
  const Deno = { serve: (one) => used.push(one) };
  const server = createServer((request, response) => response.end("ok"));
  const audit = createRecorder({ key: ${JSON.stringify(KEY)}, origin: "log.example", to: memory() });
  const options = () => ({});
  const handlers = { fetch: () => new Response("ok") };`;

/** Prepares a folder with these files for vitest, and returns a function that runs a test there and returns its output. */
function vitest(name: string, files: Record<string, string>): (test: string) => Promise<string> {
  const folder = installed.path(name);
  cpSync(installed.path("node_modules/countersign"), join(folder, "node_modules/countersign"), { recursive: true });
  installed.copy(folder, "vitest", "vite");
  for (const [file, text] of Object.entries({ "package.json": '{"private":true,"type":"module"}', ...files })) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return async (test) => {
    writeFileSync(join(folder, "a.test.ts"), test);
    const env = { ...process.env, NO_COLOR: "1" };
    const args = ["node_modules/vitest/vitest.mjs", "run"];
    const ran = promisify(execFile)(process.execPath, args, { cwd: folder, env });
    return (await ran.catch((error: { stdout: string }) => error)).stdout;
  };
}

/** The way to run each block, by a text that it contains. */
const RUNS: Record<string, (code: string) => Promise<unknown>> = {
  "key: process.env.AUDIT_KEY, // PRIVATE": async (code) => {
    await onNode(code);
    assert.deepEqual((await log.events()).at(-1)?.event, EVENT);
  },

  "await using audit = createRecorder();": async (code) => {
    const before = `Object.assign(process.env, ${JSON.stringify(bindings())});`;
    await onNode(code, before);
    assert.deepEqual((await log.events()).at(-1)?.event, { ...EVENT, target: { type: "job", id: "42" } });
  },

  "async function handle(message)": async (code) => {
    const after = `
      const message = { id: "m_1", user: "u_1", job: 42, ack: () => console.log("ack") };
      await handle(message);
      await handle(message);
      await audit.close();
      console.log(audit.status().repeated);`;
    assert.equal(await onNode(code, AUDIT(), after), "ack\nack\n1\n");
    const ids = (await log.events()).map(({ event }) => (event.metadata as { event_id?: string })?.event_id);
    assert.equal(ids.filter((id) => id === "m_1").length, 1);
  },

  "openLog({": async (code) => {
    const before = `
      process.env.AUDIT_TOKEN = ${JSON.stringify(AUDITOR)};
      const trust = ${JSON.stringify(SETUP.trust)};
      const savedPosition = async () => undefined;
      const savePosition = async () => {};`;
    const recording = `{ ${AUDIT()}
      audit.record("job.delete", { actor: "u_reader", target: ["job", 9] });
      await audit.close(); }`;
    // The imports of a module run first.
    const output = await onNode(code, `${before}\n${recording}`);
    assert.match(output, /^\d+ \S+Z u_reader 9$/m);
  },

  "createIssuer({": async (code) => {
    const grant = await granting(code);
    const signer = new Signer(`${ISSUER.name}/of-the-README-is`, 60);
    const ask = (headers: Record<string, string>) => {
      const json = { ...headers, "content-type": "application/json" };
      const init = { method: "POST", headers: json, body: JSON.stringify({ request: grantRequest(signer) }) };
      return grant(new Request("https://app.example/audit/grant", init));
    };
    assert.equal((await ask({})).status, 403);
    const answer = await ask({ cookie: SESSION });
    assert.equal(answer.status, 200);
    const { note, proof } = (await answer.json()) as { note: string; proof: string };
    assert.ok(note.includes(`\ngrant ${signer.vkey} - `), note);
    assert.match(proof, /^c2sp\.org\/tlog-proof@v1\n/);
  },

  "await grantedKey(": async (code) => {
    const issuer = ours.find((block) => block.includes("createIssuer({")) ?? assert.fail("no block grants keys");
    const grant = await granting(issuer);
    const module = `
      const sessionId = "s_1";
      await new Promise((begin) => { globalThis.begin = begin; });
      ${placed(code)}
      const handle = audit.record({ action: "page.click" });
      globalThis.recorded = [granted.vkey, granted.key.privateKey.extractable, await handle.delivered()];`;
    const page = await build(installed, "granted-key", module);
    await inBrowser(page, `script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${log.url}`, async (tab) => {
      const origin = new URL(tab.url()).origin;
      const [name = "", value = ""] = SESSION.split("=");
      await tab.context().addCookies([{ name, value, url: origin }]);
      await tab.route(`${origin}/audit/grant`, async (route) => answer(route, await grant(await asked(route))));
      await tab.route(`${log.url}/**`, async (route) => {
        const response = await fetch(await asked(route));
        const leave = { ...Object.fromEntries(response.headers), "access-control-allow-origin": origin };
        await answer(route, new Response(response.body, { status: response.status, headers: leave }));
      });
      // A string would be evaluated on each poll, which the policy forbids.
      await tab.waitForFunction(() => "begin" in globalThis);
      await tab.evaluate("globalThis.begin()");
      await tab.waitForFunction(() => "recorded" in globalThis);
      const [vkey, extractable, { proof }] = (await tab.evaluate("globalThis.recorded")) as [
        string,
        boolean,
        { proof: string },
      ];
      assert.ok(vkey.startsWith(`${ISSUER.name}/`), vkey);
      assert.equal(extractable, false);
      assert.match(proof, /^c2sp\.org\/tlog-proof@v1\n/);
      assert.deepEqual((await log.events()).at(-1)?.event, { action: "page.click" });
    });
  },

  "await handle.delivered()": async (code) => {
    const output = await onNode(
      code,
      AUDIT(),
      "console.log(JSON.stringify([receipt, waiting, lastProof, lastError]));",
    );
    const [receipt, waiting, lastProof, lastError] = JSON.parse(output);
    assert.deepEqual(Object.keys(receipt).sort(), ["chain", "index", "links", "proof", "seq"]);
    assert.match(receipt.proof, /^c2sp\.org\/tlog-proof@v1\n/);
    assert.equal(waiting, 0);
    assert.equal(lastProof.index, receipt.index);
    assert.equal(lastError ?? undefined, undefined);
  },

  "drainer({ connect:": async (code) => {
    if (noPostgres) {
      return;
    }
    installed.borrow("pg");
    const server = await startPostgres();
    try {
      const before = `const [key, to, log] = ${JSON.stringify([KEY, log.url, LOG.vkey])};
        const { host, port, user, database } = ${JSON.stringify(server.options)};
        Object.assign(process.env, { PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: database });`;
      const after = `
        const { outboxTables } = await import("countersign/postgres");
        await draining.close();
        await pool.query(outboxTables() + "CREATE TABLE jobs (id text)");
        await deleteJob("42");
        const again = drainer({ connect: () => pool.connect(), recorder: { key, to, log } });
        await again.once();
        await again.close();
        await pool.end();`;
      // Run before the tables exist, which it reports.
      const said = code.replace("recorder: { key, to, log }", "recorder: { key, to, log }, onError: () => {}");
      await onNode(said, before, after);
      assert.deepEqual((await log.events()).at(-1)?.event.target, { type: "job", id: "42" });
    } finally {
      await server.stop();
    }
  },

  "new AuditLogProcessor(audit)": async (code) => {
    installed.borrow("@opentelemetry/sdk-logs");
    await onNode(code, AUDIT(), "await audit.close();");
    const { event } = (await log.events()).at(-1) ?? assert.fail("nothing was recorded");
    assert.deepEqual([event.action, event.actor], ["job.delete", { id: "u_1" }]);
    assert.deepEqual(event.metadata, { "job.id": "42", scope: "jobs" });
  },

  "...change(before, after)": async (code) => {
    const before = `${AUDIT()}
      const before = { name: "nightly", retries: 3 };
      const after = { name: "nightly", retries: 5 };`;
    await onNode(code, before, "await audit.close();");
    const { event } = (await log.events()).at(-1) ?? assert.fail("nothing was recorded");
    assert.deepEqual([event.before, event.after], [{ retries: 3 }, { retries: 5 }]);
  },

  'tenants: "create"': async (code) => {
    const rootLog = await TenantServer.start({ emitters: [VKEY] });
    try {
      const here = code
        .replaceAll("https://log.example", rootLog.url)
        .replaceAll("log.example/audit+1a2b3c4d+A…", rootLog.vkey);
      const before = `import { createRecorder } from "countersign"; const key = ${JSON.stringify(KEY)};`;
      const hasImport = here.includes('from "countersign"');
      await onNode(here, hasImport ? before.slice(before.indexOf("const")) : before, "await audit.close();");
      assert.match(await rootLog.exported(await rootLog.add("acme")), /job\.delete/);
    } finally {
      await rootLog.close();
    }
  },

  'tenants: ["acme", "umbrella"]': async (code) => {
    const rootLog = await TenantServer.start({ emitters: [VKEY] });
    try {
      const before = `
        import { createRecorder } from "countersign";
        const [key, to, log] = ${JSON.stringify([KEY, rootLog.url, rootLog.vkey])};
        const audit = createRecorder({ key, to, log, tenants: "create" });`;
      const printed = await onNode(code, before, "await audit.close(); console.log(proof);");
      const umbrella = await rootLog.add("umbrella");
      assert.ok(printed.includes(`\ncountersign/v1 head\n${umbrella}\n`), printed);
      assert.match(await rootLog.exported(await rootLog.add("acme")), /report\.share/);
    } finally {
      await rootLog.close();
    }
  },

  "await recordMany(": async (code) => {
    const before = `${AUDIT()}
      const savedCount = 1;
      const saveCount = (read) => console.log(read);
      function* eventsOfOldSystem() {
        for (const action of ["old.1", "old.2", "old.3"]) yield { action, occurred_at: new Date(0) };
      }`;
    assert.equal(await onNode(code, before, "console.log(delivered); await audit.close();"), "3\n2\n");
    const actions = (await log.events()).slice(-2).map(({ event }) => event.action);
    assert.deepEqual(actions, ["old.2", "old.3"]);
  },

  "handlers.fetch(request, {}, {}, audit)": async (code) => {
    const [worker = ""] = blocks("../../../docs/quickstart-workers.md");
    // The page's handlers, exported as the guide says.
    const exported = worker
      .replace(/^export default withCountersign\(.*, \{$/m, "export const handlers = {")
      .replace(/^\}\);$/m, "};\nexport default withCountersign({}, handlers);");
    const run = vitest("vitest-worker", { "worker.js": exported });
    assert.match(await run(code), /Tests +1 passed \(1\)/);
    assert.match(await run(code.replace('{ id: "42" }', '{ id: "43" }')), /Tests +1 failed \(1\)/);
  },

  'vi.mock("./audit"': async (code) => {
    const page = blocks("../../../docs/quickstart-nextjs.md");
    const block = (text: string) =>
      page.find((one) => one.includes(text)) ?? assert.fail(`there is no block with ${text}`);
    const run = vitest("vitest-next", {
      "audit.ts": block("export const audited = auditNext("),
      "session.ts": block("export async function getSession()"),
      "app/users/actions.ts": block("export const removeUser = audited.action("),
    });
    assert.match(await run(code), /Tests +3 passed \(3\)/);
    assert.match(
      await run(code.replace('target: { id: "u_2" }', 'target: { id: "u_9" }')),
      /Tests +1 failed \| 2 passed/,
    );
    assert.match(await run(code.replaceAll('outcome: "denied"', 'outcome: "success"')), /Tests +2 failed \| 1 passed/);
  },

  "createApp(audit)": async (code) => {
    installed.borrow("hono");
    const before = `
      import { auditHono } from "countersign/hono";
      import { createTestRecorder } from "countersign/testing";
      import { Hono } from "hono";
      const audit = await createTestRecorder();
      const removeJob = (c) => {
        c.var.audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: c.req.param("id") } });
        return c.text("deleted");
      };`;
    const after = `
      const actions = (await audit.events()).map(({ action }) => action);
      console.log(response.status, actions.includes("job.delete"));`;
    assert.equal(await onNode(code, before, after), "200 true\n");
  },

  "const audit = await createTestRecorder();\n  await": async (code) => {
    const before =
      'const deleteJob = async (audit, id) => audit.record({ action: "job.delete", target: { type: "job", id } });';
    assert.match(await onNode(code, before), /deleting a job is recorded/);
  },

  "defineEvents({": async (code) => {
    installed.borrow("zod");
    const before = `const [key, to, log] = ${JSON.stringify([KEY, log.url, LOG.vkey])};`;
    const after = `
      try {
        audit.record({ action: "job.delete", target: { type: "job" } });
      } catch ({ code, member }) {
        console.log(code, member);
      }
      await audit.close();`;
    assert.equal(await onNode(code, before, after), "event.invalid target.id\n");
    assert.deepEqual((await log.events()).at(-1)?.event.target, { type: "job", id: "42" });
  },

  "traced(asyncContext(recorder))": async (code) => {
    const before = `${AUDIT()}
      const recorder = audit_;
      const request = new Request("https://app.example/", { headers: { "x-request-id": "r_1" } });
      const deleteJob = async (id) => audit.record({ action: "job.delete", target: { type: "cron_job", id } });`;
    await onNode(code, before.replace("const audit =", "const audit_ ="), "await recorder.close();");
    const [deleted, triggered] = (await log.events()).slice(-2);
    assert.deepEqual(deleted?.event, { ...EVENT, tenant: "acme", context: { request_id: "r_1" } });
    assert.deepEqual(triggered?.event.actor, { id: "cron", type: "service" });
  },

  'fileOutbox("audit.outbox")': async (code) => {
    const outboxes =
      "console.log([indexedDbOutbox, durableObjectOutbox].map((one) => typeof one), typeof outbox.open);";
    assert.equal(await onNode(code, "", outboxes), "[ 'function', 'function' ] function\n");
  },

  'fileTransport("app.ndjson")': async (code) => {
    const folder = installed.path("try-it");
    mkdirSync(folder);
    writeFileSync(join(folder, "record.mjs"), code);
    const readme = readFileSync(new URL("../../packages/countersign/README.md", import.meta.url), "utf8");
    const section = readme.split("\n## Try it\n")[1]?.split("\n## ")[0] ?? assert.fail("there is no section");
    const commands = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text).join("");
    const script = commands.replace(/^npm install .*\n/, "set -e\n");
    const env = { ...process.env, NO_COLOR: "1" };
    const { stdout } = await promisify(execFile)("sh", ["-c", script], { cwd: folder, env });
    assert.equal(stdout.match(/^✓ Verified\./gm)?.length, 3, stdout);
    assert.match(stdout, /job\.delete +u_1 +42/);
  },

  'fileTransport("audit.ndjson")': async (code) => {
    await onNode(code, "", 'audit.record({ action: "a.b" }); await audit.close(); typeof memory;');
    const [header] = readFileSync(installed.path("audit.ndjson"), "utf8").split("\n");
    assert.equal(header, '{"countersign":"export/v1","origin":"example.com/audit"}');
  },

  "async function to(chunk, { chain, first, hasHeader })": async (code) => {
    // Loses each response once, and records more between the attempts.
    const before = `
      import { createRecorder as create } from "countersign";
      const table = new Map();
      let calls = 0;
      const insertNew = async (rows) => {
        for (const { key, line } of rows) {
          table.has(key) || table.set(key, line);
        }
        if (calls++ % 2 === 0) throw new Error("the answer was lost");
      };`;
    const after = `
      import { verify } from "countersign/verify";
      const audit = await create({ key: ${JSON.stringify(KEY)}, origin: "${ORIGIN}", to, autoFlush: false, onError: () => {} });
      for (let nth = 0; nth < 6; nth++) {
        audit.record({ action: "a.b" });
        await audit.flush().catch(() => {});
      }
      await audit.close({ retryForMs: 10_000 });
      const { report } = await verify(new TextEncoder().encode([...table.values()].join("\\n") + "\\n"), {
        trust: "emitter ${VKEY}", threads: 0,
      });
      console.log(report.verdict, report.counts.events, report.findings.length);`;
    assert.equal(await onNode(code, before, after), "verified 6 0\n");
  },

  "onError: ({ code, message, hint })": async (code) => {
    const before = `
      import { createRecorder } from "countersign";
      const [key, to, log] = ${JSON.stringify([KEY, "http://127.0.0.1:1", LOG.vkey])};
      const report = (text) => {
        console.log(text);
        // Without the exit listener's report of lost events.
        process.removeAllListeners("exit");
        process.exit();
      };`;
    const after = 'audit.record({ action: "a.b" }); setTimeout(() => {}, 60_000);';
    assert.match(
      await onNode(code, before, after),
      /^log_server\.unreachable: the log server at .* \(check the URL.*\. The events wait in memory and will be resent\)\n/,
    );
  },

  "async fetch(request, env, ctx, audit)": async (code) => {
    const worker = await inWorkerd(installed, placed(code), { bindings: bindings() });
    try {
      const known = (await log.events()).length;
      assert.equal(await (await worker.dispatchFetch("http://worker.test/")).text(), "ok");
      const events = await eventually(
        "an event came",
        () => log.events(),
        ({ length }) => length > known,
      );
      assert.deepEqual(events.at(-1)?.event, EVENT);
    } finally {
      await worker.dispose();
    }
  },

  "auditHandle(audit)({ event, resolve })": async (code) => {
    const module = `${placed(code)}
      const resolve = ({ locals }) => {
        locals.audit.record({ action: "page.open" });
        return new Response("ok");
      };
      export default {
        fetch: (request, env, ctx) =>
          handle({ event: { request, route: { id: "/a" }, locals: {}, platform: { env, ctx } }, resolve }),
      };`;
    const worker = await inWorkerd(installed, module, { bindings: bindings() });
    try {
      const known = (await log.events()).length;
      assert.equal(await (await worker.dispatchFetch("http://worker.test/")).text(), "ok");
      const events = await eventually(
        "two events came",
        () => log.events(),
        ({ length }) => length >= known + 2,
      );
      const actions = events.slice(known).map(({ event }) => event.action);
      assert.deepEqual(actions, ["page.open", "http.request"]);
    } finally {
      await worker.dispose();
    }
  },

  "class Room extends withCountersign": async (code) => {
    const module = `
      import { DurableObject } from "cloudflare:workers";
      import { withCountersign } from "countersign/cloudflare";
      const options = (env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL, log: env.AUDIT_LOG });
      ${placed(code)}
      export default {
        async fetch(request, env) {
          await env.ROOMS.get(env.ROOMS.idFromName("a")).close();
          return new Response("closed");
        },
      };`;
    const durableObjects = { ROOMS: { className: "Room", useSQLite: true } };
    const worker = await inWorkerd(installed, module, { bindings: bindings(), durableObjects });
    try {
      assert.equal(await (await worker.dispatchFetch("http://worker.test/")).text(), "closed");
    } finally {
      await worker.dispose();
    }
  },

  "export default logHandler()": async (code) => {
    const worker = await inWorkerd(installed, placed(code), {
      bindings: { AUDIT_LOG_KEY: LOG.secret, AUDIT_TRUST: SETUP.trust, AUDIT_READERS: SETUP.readers },
      durableObjects: { LOG: { className: "CountersignLog", useSQLite: true } },
    });
    try {
      const { origin } = await worker.ready;
      const after = `
        const { proof } = await audit.record({ action: "job.delete" }).delivered();
        await audit.close();
        console.log(proof.split("\\n")[0]);`;
      assert.equal(await onNode("", AUDIT(origin), after), "c2sp.org/tlog-proof@v1\n");
    } finally {
      await worker.dispose();
    }
  },

  "import { auditHono }": async (code) => {
    const after = "console.log(used.map((one) => typeof one).join()); audit.close(); process.exit();";
    assert.equal(await onNode(code, PROGRAM_SERVERS, after), "function,function,function,function\n");
  },

  'from "countersign/gate"': async (code) => {
    const ends: (() => void)[] = [];
    const list = await listServer({ after: (end) => ends.push(end) });
    list.note = watchlist(1, [{ kind: "actor", value: "u_evil" }]);
    const before = `
      import { createRecorder, memory } from "countersign";
      import { withCountersign } from "countersign/cloudflare";
      import { auditHttp } from "countersign/node";
      const audit = createRecorder({ key: ${JSON.stringify(KEY)}, origin: "log.example", to: memory() });
      const app = { use: () => {} };
      const [pack, options, handlers] = [${JSON.stringify(PATHS)}, {}, { fetch: () => new Response("ok") }];`;
    const after = `
      for (const [id, path] of [["u_1", "/"], ["u_evil", "/"], ["u_1", "/internal"]]) {
        console.log((await edge.decide({ action: "http.request", actor: { id }, http: { path } })).by);
      }
      await audit.close();
      process.exit();`;
    const here = code
      .replace("https://watch.example.com/watchlist", list.url)
      .replace("example.com/watch+1a2b3c4d+A…", WATCH.vkey);
    try {
      assert.equal(await onNode(here, before, after), "undefined\nwatchlist\nrule\n");
    } finally {
      for (const end of ends) {
        end();
      }
    }
  },

  "auditLambda(options": async (code) => {
    const before = `
      import { createRecorder, memory } from "countersign";
      import { auditHttp } from "countersign/node";
      const to = memory();
      const options = () => ({ key: ${JSON.stringify(KEY)}, origin: "log.example", to });
      const audit = createRecorder({ ...options(), to: memory() });
      const app = { use: (one) => used.push(typeof one), get: () => audit };
      const used = [];
      const after = (work) => works.push(work);
      const works = [];`;
    const end = `
      const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 5_000 };
      await handler({ id: "1" }, context);
      const answered = await DELETE(new Request("https://app.example/"), { params: Promise.resolve({ id: "2" }) });
      await Promise.all(works);
      const ids = [...to.text().matchAll(/"id":"(\\d)"/g)].map(([, id]) => id);
      console.log(used.join(), typeof handle, imports.length, await answered.text(), ids.join());
      await audit.close();`;
    assert.equal(await onNode(code, before, end), "function,function function 1 deleted 1,2\n");
  },

  "const { report, pin } = await verify(response": async (code) => {
    const response = "const response = new Response(exported.bytes());";
    assert.equal(await onNode(code, `${EXPORT}\n${response}`, "console.log(report.verdict);"), "verified\n");
  },

  "pins: [pinOfLastTime]": async (code) => {
    const before = `${EXPORT}
      import { verify } from "countersign/verify";
      const file = new Blob([exported.bytes()]);
      const trust = "emitter ${VKEY}\\n";
      const pinOfLastTime = await (await fetch("${log.url}/checkpoint")).text();
      const { signal } = new AbortController();
      const show = (seq, time, vkey, event) => console.log(event.action);`;
    assert.equal(await onNode(code, before, "process.exit();"), "job.delete\n");
  },

  "await verifyLive(lines()": async (code) => {
    const before = `${EXPORT}
      const sent = Buffer.from(exported.bytes()).toString().trimEnd().split("\\n");
      const events = sent.map((line, at) => "id: " + at + "\\ndata: " + line + "\\n\\n");
      const answers = [events.slice(0, 2), events.slice(2)];
      const shown = Promise.withResolvers();
      globalThis.fetch = async (url, { headers }) => {
        console.log(url, headers.authorization, headers["last-event-id"]);
        if (answers.length === 0) {
          await shown.promise;
          process.exit();
        }
        return new Response(answers.shift().join(""), { headers: { "content-type": "text/event-stream" } });
      };
      const [token, trust, signal] = ["secret", "emitter ${VKEY}\\n", new AbortController().signal];
      const pause = async () => {};
      const show = (text) => shown.resolve(console.log(JSON.parse(text).event.action));
      const showVerdict = (verdict) => console.log(verdict);`;
    const requestLine = (last: unknown) => `${log.url}/stream Bearer secret ${last}`;
    const printed = (await onNode(code, before)).trimEnd().split("\n");
    assert.deepEqual(printed.sort(), [requestLine(undefined), requestLine(1), requestLine(3), "job.delete"].sort());
  },

  "verifyReceipt(": async (code) => {
    const [valid] = JSON.parse(
      readFileSync(new URL("../../../tests/vectors/cose-receipts.json", import.meta.url), "utf8"),
    );
    const before = `
      const receipt = Buffer.from("${valid.receipt}", "hex");
      const link = ${JSON.stringify(valid.entry)};
      const trust = ${JSON.stringify(valid.trust)};`;
    const placed = code.replace("example.com/audit", "log.example/audit");
    assert.equal(
      await onNode(placed, before, "console.log(verdict, origin, index);"),
      "verified log.example/audit 2\n",
    );
  },

  "createVerifier({": async (code) => {
    const before = `
      import { readFileSync } from "node:fs";
      import { createRequire } from "node:module";
      const bytes = readFileSync(createRequire(import.meta.url).resolve("countersign/verifier.wasm"));
      ${EXPORT}`;
    const after = `
      const { report } = await verify(exported.bytes(), { trust: "emitter ${VKEY}\\n", threads: 0 });
      console.log(report.verdict);`;
    assert.equal(await onNode(code, before, after), "verified\n");
  },
};

describe("READMEs and guides", { skip }, () => {
  before(() => log.start().then(() => {}));
  after(async () => {
    await log.close();
    installed.remove();
  });

  for (const code of [...ours, ...project]) {
    const ways = Object.entries(RUNS).filter(([part]) => code.includes(part));
    const [way] = ways;
    test(way?.[0] ?? code.slice(0, 60), async () => {
      assert.equal(ways.length, 1, `there is no way, or more than one, to run this:\n${code}`);
      await way?.[1](code);
    });
  }

  test("every way to run a block belongs to a block", () => {
    for (const part of Object.keys(RUNS)) {
      assert.ok(
        [...ours, ...project].some((code) => code.includes(part)),
        part,
      );
    }
  });
});
