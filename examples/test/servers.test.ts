/** Tests the server examples, each started as its README says: what is done through their API is in the log. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { COUNTERSIGN, project } from "../run/tools.ts";
import { Log } from "./log.ts";
import { command } from "./readme.ts";
import { Running } from "./running.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";

/** Starts an example that records into a log. */
async function start(t: TestContext, example: string, begin: string, log: Log, key: string) {
  const typed = command(example, begin).map((word) => (word === "3000" ? "0" : word));
  const running = new Running(typed, {
    cwd: project(`examples/${example}`),
    env: { AUDIT_URL: log.url, AUDIT_LOG: log.vkey, AUDIT_KEY: key, AUDIT_OUTBOX: log.path("outbox"), PORT: "0" },
  });
  t.after(() => running.kill());
  return { running, url: await running.address() };
}

const remove = (url: string, id: string) =>
  fetch(`${url}/jobs/${id}`, { method: "DELETE", headers: { "x-user": "u_1" } });

/** Summarizes a recorded request. */
function requestOf(event: { readonly [member: string]: unknown }): string {
  const { method, path, status } = event.http as { method: string; path: string; status: number };
  return `${method} ${path} ${status}`;
}

for (const [example, ...begins] of [
  ["hono", "node ", "deno ", "bun "],
  ["express", "node "],
  ["fastify", "node "],
] as const) {
  for (const begin of begins) {
    test(`${example}: records requests with ${begin.trim()}`, { skip }, async (t) => {
      const log = await Log.start();
      t.after(() => log.close());
      const key = await log.admit("emitter", "example.com/api");
      const { running, url } = await start(t, example, begin, log, key);
      assert.equal((await fetch(`${url}/jobs`)).status, 200);
      assert.deepEqual(await (await remove(url, "2")).json(), { id: "2", name: "invoice-run" });
      assert.equal((await remove(url, "2")).status, 404);
      await running.stop();

      const { verdict, events, closed } = log.exported();
      assert.equal(verdict, "verified");
      assert.equal(closed, 1);
      const deleted = events.map(({ event }) => event).filter(({ action }) => action === "job.delete");
      assert.deepEqual(deleted, [
        { action: "job.delete", actor: { id: "u_1" }, target: { id: "2", name: "invoice-run", type: "job" } },
      ]);
      const requests = events.flatMap(({ event }) => (event.action === "http.request" ? [requestOf(event)] : []));
      assert.deepEqual(requests, ["GET /jobs 200", "DELETE /jobs/:id 200", "DELETE /jobs/:id 404"]);
    });

    test(`${example}: delivers events of a killed process with ${begin.trim()}`, { skip }, async (t) => {
      const log = await Log.start();
      t.after(() => log.close());
      const key = await log.admit("emitter", "example.com/api");
      const away = Object.create(log, { url: { value: "http://127.0.0.1:9" } }) as Log;
      const first = await start(t, example, begin, away, key);
      assert.equal((await remove(first.url, "1")).status, 200);
      await first.running.kill();

      const second = await start(t, example, begin, log, key);
      await second.running.stop();
      const { verdict, events } = log.exported();
      assert.equal(verdict, "verified");
      assert.equal(events.filter(({ event }) => event.action === "job.delete").length, 1);
    });
  }
}
