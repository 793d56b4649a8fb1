/** Tests the adapters in projects of their frameworks, built and run from the tarball. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import { verify } from "../../packages/countersign/dist/verify/verify.js";
import { eventually } from "../eventually.ts";
import { Installed } from "./installed.ts";
import { TRUST } from "./scenario.mjs";

const run = promisify(execFile);
const frameworks = fileURLToPath(new URL("frameworks/node_modules", import.meta.url));
const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
const skip =
  !existsSync(frameworks) &&
  process.env.CI === undefined &&
  "the frameworks are not installed: npm ci in js/test/package/frameworks";

/** Returns the events of a verified export. The chain of a killed process stays open. */
async function eventsOf(file: string, verdict = "verified"): Promise<Record<string, unknown>[]> {
  const text = readFileSync(file);
  const { report } = await verify(text, { trust: TRUST, threads: 0 });
  assert.equal(report.verdict, verdict, JSON.stringify(report.findings));
  const lines = text.toString().split("\n");
  return lines.flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));
}

const isAnswered = ({ countersign }: Record<string, unknown>) => countersign === undefined;

/** Returns the requests that a gate refused, as recorded. */
function refusals(events: readonly Record<string, unknown>[]): object[] {
  return events
    .filter((event) => !isAnswered(event))
    .map(({ outcome, reason, countersign, http }) => {
      const { decision, rule } = countersign as { decision: string; rule: string };
      assert.deepEqual([outcome, reason, decision, rule], ["denied", "refused by Internal paths", "deny", "internal"]);
      const { latency_ms: _, ...request } = http as { latency_ms: number };
      return request;
    });
}

/** Resolves when a process is stopped. */
async function frozen(pid: number | undefined): Promise<void> {
  const stat = `/proc/${pid}/stat`;
  const state = async () =>
    existsSync(stat)
      ? readFileSync(stat, "utf8").replace(/^.*\) /s, "")
      : (await run("ps", ["-o", "stat=", "-p", `${pid}`])).stdout.trim();
  await eventually("the process stands still", state, (state) => state.startsWith("T"));
}

describe("frameworks", { skip, concurrency: true, timeout: 120_000 }, () => {
  let installed: Installed;
  before(() => {
    installed = new Installed("countersign");
    installed.bring(frameworks);
  });
  after(() => installed.remove());
  const path = (...parts: string[]) => installed.path("test", "setups", "frameworks", ...parts);

  /** Runs a server through requests until its end, and returns what it recorded. */
  async function served(name: string, program: string, env: Record<string, string> = {}, cwd = path(name)) {
    const file = installed.path(`${name}.ndjson`);
    const server = spawn(process.execPath, [program], { cwd, env: { ...process.env, EXPORT: file, ...env } });
    try {
      const errors: string[] = [];
      server.stderr.on("data", (text) => errors.push(String(text)));
      let port: string | undefined;
      for await (const line of createInterface({ input: server.stdout })) {
        port = /(\d+)\/?$/.exec(line)?.[1];
        if (port !== undefined) {
          break;
        }
      }
      assert.ok(port, errors.join(""));
      server.stdout.resume();
      const ended = new Promise((resolve) => server.once("exit", resolve));
      const ask = async (method: string, path: string) => {
        // Without a content type, SvelteKit treats it as a form.
        const headers = { "x-user": "u_1", "x-request-id": "r_1", "content-type": "application/json" };
        return fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
      };
      const answers = [await ask("DELETE", "/jobs/42"), await ask("GET", "/fails"), await ask("GET", "/nowhere")];
      assert.match(await (answers[0] as Response).text(), /deleted/);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 500, 404],
      );
      await Promise.all(answers.slice(1).map((answer) => answer.text()));
      const refused = await ask("GET", "/internal/7?x=1");
      assert.deepEqual([refused.status, await refused.text()], [403, "Forbidden.\n"]);
      server.kill("SIGTERM");
      await ended;
    } finally {
      server.kill("SIGKILL");
    }
    return eventsOf(file);
  }

  /** Asserts what each framework records for the same three requests. */
  function expected(events: Record<string, unknown>[], paths: [string, string, string]) {
    const [deleted, ...requests] = [
      events.find(({ action }) => action === "job.delete"),
      ...events.filter(({ action }) => action === "http.request"),
    ];
    assert.deepEqual(deleted?.target, { type: "job", id: "42" });
    assert.deepEqual(deleted?.actor, { id: "u_1" });
    assert.deepEqual(deleted?.context, { request_id: "r_1" });
    assert.deepEqual(refusals(requests), [{ method: "GET", path: "*", status: 403 }]);
    const seen = requests.filter(isAnswered).map((one) => {
      const { http, outcome, actor, context } = one as {
        http: { method: string; path: string; status: number };
        outcome: string;
        actor: unknown;
        context: unknown;
      };
      assert.deepEqual([actor, context], [{ id: "u_1" }, { request_id: "r_1" }]);
      return `${http.method} ${http.path} ${http.status} ${outcome}`;
    });
    assert.deepEqual(
      seen.sort(),
      [`DELETE ${paths[0]} 200 success`, `GET ${paths[1]} 500 failure`, `GET ${paths[2]} 404 failure`].sort(),
    );
  }

  test("Koa", async () => {
    const events = await served("koa", path("koa/server.mjs"));
    expected(events, ["/jobs/:id", "/fails", "*"]);
  });

  test("NestJS built by tsc", async () => {
    const { stdout } = await run(tsc, ["-p", path("nestjs")], { cwd: path("nestjs") }).catch((error) => error);
    assert.equal(stdout, "");
    const events = await served("nestjs", path("nestjs/built/main.js"));
    expected(events, ["/jobs/:id", "/fails", "*"]);
  });

  test("SvelteKit built by Vite for Node.js", async () => {
    const vite = join(frameworks, "vite/bin/vite.js");
    await run(process.execPath, [vite, "build"], { cwd: path("sveltekit") });
    const env = { PORT: "0", HOST: "127.0.0.1", SHUTDOWN_TIMEOUT: "1" };
    const events = await served("sveltekit", path("sveltekit/build/index.js"), env);
    expected(events, ["/jobs/[id]", "/fails", "*"]);
  });

  /** Runs a handler, bundled like Lambda's tools do, with these events in order; it is frozen after each response. */
  async function invoked(name: string, given: readonly object[], env: Record<string, string> = {}) {
    const file = installed.path(`${name}.ndjson`);
    const bundle = installed.path(`${name}.cjs`);
    await esbuild.build({
      entryPoints: [path("lambda/handler.mjs")],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "cjs",
      logLevel: "silent",
    });
    const child = spawn(process.execPath, [path("lambda/runtime.mjs"), bundle], {
      env: { ...process.env, EXPORT: file, ...env },
    });
    const errors: string[] = [];
    child.stderr.on("data", (text) => errors.push(...String(text).trim().split("\n")));
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const said: { answer: string; recorded: number }[] = [];
    for (const event of given) {
      child.stdin.write(`${JSON.stringify(event)}\n`);
      child.kill("SIGCONT");
      const { value: answer = "" } = await answers.next();
      await frozen(child.pid);
      const text = existsSync(file) ? readFileSync(file, "utf8") : "";
      said.push({ answer, recorded: text.split('"event":').length - 1 });
    }
    // The environment is killed while it is frozen.
    child.kill("SIGKILL");
    return { said, errors, file };
  }

  test("AWS Lambda: delivers events before the freeze", async () => {
    const { said, errors, file } = await invoked("lambda", [{ id: "1" }, { id: "fails" }, { id: "2" }]);
    assert.deepEqual(said, [
      { answer: "deleted", recorded: 1 },
      { answer: "failed: of the handler's", recorded: 2 },
      { answer: "deleted", recorded: 3 },
    ]);
    assert.deepEqual(errors, []);
    const text = readFileSync(file, "utf8");
    assert.match(text, /"request_id":"r_3"/);
    const { report } = await verify(readFileSync(file), { trust: TRUST, threads: 0 });
    assert.equal(report.counts.events, 3);
  });

  test("AWS Lambda: a gate refuses a request of API Gateway", async () => {
    const http = { method: "GET", path: "/internal/7", sourceIp: "192.0.2.7" };
    const event = {
      version: "2.0",
      routeKey: "$default",
      rawPath: "/internal/7",
      headers: { host: "api.example.com" },
      requestContext: { http },
    };
    const { said, errors, file } = await invoked("gated", [event, { ...event, rawPath: "/jobs", id: "1" }]);
    const [{ answer, recorded }, allowed] = said as [(typeof said)[0], (typeof said)[0]];
    const { statusCode, body } = JSON.parse(answer);
    assert.deepEqual([statusCode, body, recorded], [403, "Forbidden.\n", 1]);
    assert.equal(allowed.answer, "deleted");
    assert.deepEqual(errors, []);
    assert.deepEqual(refusals(await eventsOf(file, "partial")), [{ method: "GET", path: "*", status: 403 }]);
  });

  test("AWS Lambda: reports an unreachable log server, and fails with `required`", async () => {
    const { said, errors } = await invoked("down", [{ id: "1" }], { DOWN: "1" });
    assert.deepEqual(said, [{ answer: "deleted", recorded: 0 }]);
    assert.deepEqual([...new Set(errors)], ["transport.failed"]);
    const required = await invoked("required", [{ id: "1" }], { DOWN: "1", REQUIRED: "1" });
    assert.deepEqual(required.said, [{ answer: "failed: transport.failed", recorded: 0 }]);
  });
});
