/** Runs the code of the quickstarts in `docs/`, each in its runtime, until a log has the event. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { GatedLog, skip } from "../adapters/gate.ts";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { Installed } from "./installed.ts";
import { inWorkerd } from "./runtimes.ts";

const [{ secret: KEY }] = EMITTERS;
const MAX_START_MS = 60_000;
const POLL_MS = 50;

const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));
const NODE = [process.execPath];
const DENO = [tool("deno"), "run", "--allow-net", "--allow-env", "--allow-read", "--allow-write"];
const BUN = [tool("bun"), "run"];

/** Returns the JavaScript blocks of a quickstart. */
const blocks = (runtime: string) => {
  const text = readFileSync(new URL(`../../../docs/quickstart-${runtime}.md`, import.meta.url), "utf8");
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);
};

/** A quickstart's server: its page, the number of its block, and the command that runs it. */
const SERVERS = {
  "Node.js": ["node", 0, NODE],
  Express: ["express", 0, NODE],
  Fastify: ["express", 1, NODE],
  "Hono in Bun": ["hono", 0, BUN],
  Deno: ["deno", 0, DENO],
  Bun: ["bun", 0, BUN],
} as const;

describe("quickstarts", { skip }, () => {
  const installed = new Installed("countersign");
  const log = new GatedLog();
  const env = { ...process.env, NODE_ENV: "production", AUDIT_KEY: KEY, AUDIT_LOG: LOG.vkey };

  before(async () => {
    await log.start();
    installed.borrow("express", "fastify", "hono");
  });
  after(async () => {
    await log.close();
    installed.remove();
  });

  /** Waits until the log has a deletion of this job by `u_1`. */
  const delivered = (id: string) =>
    eventually(
      `the log has the deletion of ${id}`,
      () => log.events(),
      (events) =>
        events.some(({ event }) => {
          const { action, actor, target } = event as {
            action: string;
            actor?: { id: string };
            target?: { id: string };
          };
          return action === "job.delete" && actor?.id === "u_1" && target?.id === id;
        }),
    );

  for (const [name, [page, block, command]] of Object.entries(SERVERS)) {
    test(name, async () => {
      const id = name.replace(/\W/g, "");
      const file = installed.path(`${id}.mjs`);
      // Each server has its own outbox.
      writeFileSync(file, (blocks(page)[block] ?? assert.fail("no block")).replace("audit.outbox", `${id}.outbox`));
      const port = await freePort();
      const [program, ...args] = [...command, file];
      const server = spawn(program, args, {
        cwd: installed.folder,
        env: { ...env, AUDIT_URL: log.url, PORT: String(port) },
        stdio: ["ignore", "ignore", "pipe"],
      });
      try {
        const response = await responding(server, `http://127.0.0.1:${port}/jobs/${id}`);
        assert.equal(response, "deleted\n");
        await delivered(id);
      } finally {
        server.kill("SIGTERM");
        if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
      }
    });
  }

  /** Deletes a job in a Worker with a block of its page, and waits for more before the Worker ends. */
  async function inWorker(
    block: number,
    id: string,
    response: string,
    more: () => Promise<unknown> = async () => {},
    environment: Record<string, string> = {},
  ): Promise<void> {
    const bindings = { AUDIT_KEY: KEY, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey, ...environment };
    const worker = await inWorkerd(installed, blocks("workers")[block] ?? assert.fail("no block"), { bindings });
    try {
      const headers = { authorization: "Bearer t_1" };
      const answer = await worker.dispatchFetch(`http://worker.test/jobs/${id}`, { method: "DELETE", headers });
      assert.equal(await answer.text(), response);
      await more();
    } finally {
      await worker.dispose();
    }
  }

  test("Cloudflare Workers", async () => {
    await inWorker(0, "Worker-1", "deleted\n", () => delivered("Worker-1"));
    await inWorker(0, "", "not found\n");
  });

  test("Cloudflare Workers: the actor of a request", async () => {
    const { length } = await log.events();
    await inWorker(1, "42", "deleted\n", async () => {
      const events = await eventually(
        "the log has the deletion and the request",
        async () => (await log.events()).slice(length).map(({ event }) => event as { action: string; actor?: object }),
        (found) => found.length === 2,
      );
      assert.deepEqual(
        events.map(({ action, actor }) => [action, actor]),
        ["job.delete", "http.request"].map((action) => [action, { id: "u_1" }]),
      );
    });
  });

  test("Cloudflare Workers: what was changed", async () => {
    const { length } = await log.events();
    await inWorker(2, "42", "renamed\n", async () => {
      const [added] = await eventually(
        "the log has the change",
        async () => (await log.events()).slice(length).map(({ event }) => event as Record<string, unknown>),
        (found) => found.length === 1,
      );
      assert.deepEqual(
        [added?.action, added?.before, added?.after],
        ["job.update", { name: "Nightly backup" }, { name: "Backup" }],
      );
    });
  });

  test("Cloudflare Workers: a deletion that waits for the log", async () => {
    const { length } = await log.events();
    await inWorker(3, "42", "deleted\n");
    assert.equal((await log.events()).length, length + 1);
    await inWorker(3, "42", "not recorded, so nothing was deleted\n", undefined, { AUDIT_KEY: "" });
  });
});

/** Deletes a job as soon as the server listens, and returns its response. */
async function responding(server: ChildProcess, address: string): Promise<string> {
  const errors: string[] = [];
  server.stderr?.on("data", (data) => errors.push(String(data)));
  const until = Date.now() + MAX_START_MS;
  while (Date.now() < until) {
    assert.equal(server.exitCode, null, `the server ended: ${errors.join("")}`);
    try {
      const response = await fetch(address, { method: "DELETE", headers: { "x-user": "u_1" } });
      return await response.text();
    } catch {
      // It doesn't listen yet.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  return assert.fail(`the server doesn't respond: ${errors.join("")}`);
}
