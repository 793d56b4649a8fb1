/** The proxies in the guides and examples: they forward what the viewer requests, and no other path of the log server. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../free-port.ts";

const MAX_START_MS = 30_000;
const POLL_MS = 50;

const TILES = [
  "/tile/0/000",
  "/tile/0/x001/067",
  "/tile/0/000.p/31",
  "/tile/12/x001/x234/067.p/255",
  "/tile/entries/000.p/31",
  "/tile/entries/x001/067",
];
const OTHERS = [
  "/metrics",
  "/tile",
  "/tile/",
  "/tile/../metrics",
  "/tile/%2e%2e/metrics",
  "/tile/.%2E/metrics",
  "/tile/0/../../metrics",
  "/tile/0/000/../../../metrics",
  "/tile/0/000.p/../../../../metrics",
  "/tile/0/..%2f..%2fmetrics",
  "/tile/\\..\\metrics",
];

/** Returns the blocks of a guide that contain a text. */
const blocksWith = (guide: string, part: string) =>
  [...readFileSync(new URL(`../../../docs/${guide}.md`, import.meta.url), "utf8").matchAll(/^```[jt]s\n(.*?)^```$/gms)]
    .map(([, code = ""]) => code)
    .filter((code) => code.includes(part));

/** Requests a path as it is: `fetch` would resolve its dots. */
async function raw(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
  const sent = request({ host: "127.0.0.1", port, path, agent: false }).end();
  const [response] = await once(sent, "response");
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) {
    body += chunk;
  }
  return { status: response.statusCode, body };
}

describe("proxies in guides and examples", () => {
  /** The paths that were requested from the log server. */
  const asked: string[] = [];
  const log = createServer((incoming, response) => {
    asked.push(incoming.url ?? "");
    response.setHeader("content-type", "text/plain");
    if (incoming.url?.startsWith("/stream")) {
      response.write(": open\n\n");
    } else {
      response.end(`the log: ${incoming.url}`);
    }
  });
  const folder = mkdtempSync(join(tmpdir(), "countersign-proxies-"));
  const children: ChildProcess[] = [];
  let logUrl = "";

  before(async () => {
    symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(folder, "node_modules"));
    mkdirSync(join(folder, "public"));
    writeFileSync(join(folder, "acme.txt"), "origin log.example/audit/t/0123\ntoken csr_1\n");
    writeFileSync(join(folder, "acme-trust.txt"), "");
    log.listen(0, "127.0.0.1");
    await once(log, "listening");
    logUrl = `http://127.0.0.1:${(log.address() as AddressInfo).port}`;
  });
  after(() => {
    for (const child of children) {
      child.kill();
    }
    log.closeAllConnections();
    log.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts a server from a guide, and returns its port. */
  async function started(name: string, code: string): Promise<number> {
    const port = await freePort();
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, code.replaceAll("app.listen(3000", `app.listen(${port}`));
    const env = { ...process.env, AUDIT_URL: logUrl, COUNTERSIGN_TOKEN: "csr_1" };
    const child = spawn(process.execPath, [file], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
    children.push(child);
    const end = Date.now() + MAX_START_MS;
    for (;;) {
      const answer = await raw(port, "/").catch(() => undefined);
      if (answer !== undefined) {
        return port;
      }
      assert.ok(Date.now() < end && child.exitCode === null, `the server ${name} didn't start`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Asserts that a server forwards each of these paths, and no other. */
  async function forwardsOnly(port: number, paths: Readonly<Record<string, string>>, others: readonly string[]) {
    for (const [path, target] of Object.entries(paths)) {
      assert.deepEqual(await raw(port, path), { status: 200, body: `the log: ${target}` }, path);
    }
    asked.length = 0;
    for (const path of others) {
      assert.equal((await raw(port, path)).status, 404, path);
    }
    assert.deepEqual(asked, []);
  }

  test("for dashboards", async () => {
    const [code = "", ...more] = blocksWith("for-dashboards", "async function forward(");
    assert.deepEqual(more, []);
    const port = await started("dashboards", code);
    const paths = Object.fromEntries(["/checkpoint", ...TILES].map((path) => [path, path]));
    await forwardsOnly(port, paths, OTHERS);
  });

  test("for dashboards: ending a session ends its live views", async () => {
    const [code = ""] = blocksWith("for-dashboards", "async function forward(");
    const [sessions = ""] = blocksWith("for-dashboards", "function endSession(");
    const before = `
      app.use((req, _res, next) => {
        req.session = { id: req.headers["x-session"] };
        req.user = { tenant: "acme" };
        next();
      });
      app.get("/end", (_req, res) => res.send(String(endSession("s_1"))));
      app.get("/open", (_req, res) => res.send([...open.keys()].join()));`;
    const port = await started("sessions", code.replace("const app = express();", `$&${before}\n${sessions}`));
    const live = async (session: string) => {
      const sent = request({ host: "127.0.0.1", port, path: "/stream", headers: { "x-session": session } }).end();
      const [response] = await once(sent, "response");
      await once(response, "data");
      return response.resume();
    };
    const [first, second, other] = await Promise.all(["s_1", "s_1", "s_2"].map(live));
    const ends = Promise.all([first, second].map((response) => once(response, "end")));
    await raw(port, "/end");
    await ends;
    assert.equal(other.complete, false);
    assert.equal((await raw(port, "/open")).body, "s_2");
    other.destroy();
  });

  test("for a customer's own log", async () => {
    const [code = "", ...more] = blocksWith("tenants", "function auditLogOf(");
    assert.deepEqual(more, []);
    const port = await started("tenants", code.replaceAll("http://127.0.0.1:8080", logUrl));
    const paths = ["/export?q=a", "/head", ...TILES].map((path) => [`/audit${path}`, `/t/0123${path}`]);
    await forwardsOnly(
      port,
      Object.fromEntries(paths),
      OTHERS.map((path) => `/audit${path}`),
    );
  });

  const next = (name: string) => blocksWith("quickstart-nextjs", `const ${name} = `).join("\n");
  const example = (name: string) =>
    readFileSync(new URL(`../../../examples/${name}/server.ts`, import.meta.url), "utf8");
  for (const [title, name, source, others] of [
    ["Next.js", "PROOFS", next("PROOFS"), ["checkpoint"]],
    ["a customer's own log in Next.js", "FORWARDED", next("FORWARDED"), ["export", "stream", "head"]],
    ["examples/dashboard", "PUBLIC", example("dashboard"), ["/checkpoint"]],
    ["examples/saas", "IN_LOG", example("saas"), ["export", "stream", "head"]],
  ] as const) {
    test(`for ${title}: the pattern of paths`, () => {
      const [, text = ""] = new RegExp(`^const ${name} = /(.+)/;$`, "m").exec(source) ?? [];
      const pattern = new RegExp(text);
      const start = others[0].startsWith("/") ? 0 : 1;
      const matches = (path: string) => pattern.test(path);
      const paths = [...TILES.map((path) => path.slice(start)), ...others];
      assert.deepEqual(paths.filter(matches), paths);
      // Next.js decodes parameters.
      const wrong = OTHERS.flatMap((path) => [path, decodeURIComponent(path)]).map((path) => path.slice(start));
      assert.deepEqual(wrong.filter(matches), []);
    });
  }
});
