/** Tests recording into the logs of tenants in Node.js, Deno, and Bun. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { Child, RUNTIMES, type Runtime } from "../runtimes.ts";
import { TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);
const PROGRAM = new URL("runtime-program.ts", import.meta.url);

for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
  describe(runtime, () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-tenants-"));
    let log: TenantServer;
    before(async () => {
      log = await TenantServer.start({ emitters: [EMITTER.vkey] });
    });
    after(async () => {
      await log.close();
      rmSync(folder, { recursive: true });
    });
    const run = (scenario: string) =>
      new Child(runtime, PROGRAM, [EMITTER.secret, log.url, log.vkey, join(folder, "audit.outbox"), scenario]);

    test(`${runtime}: events of tenants are delivered, stored, and compared`, async () => {
      const first = run("first");
      const lines = await first.rest();
      const { errors } = await first.ended();
      const [acme, umbrella] = [await log.add("acme"), await log.add("umbrella")];
      assert.deepEqual([lines, errors], [[acme, acme, umbrella, "closed"], ""]);
      const text = await log.exported(umbrella);
      assert.match(text, /"shared_id":"[0-9a-f]{32}"/);
      await log.verify(text, umbrella);

      const killed = run("unreachable");
      assert.equal(await killed.line(), "stored");
      await killed.kill();

      const next = run("continued");
      const printed = await next.rest();
      const states = printed.slice(0, -1);
      assert.equal(printed.at(-1), "closed");
      assert.ok(states.length > 0 && states.every((line) => /^since [1-9]\d*,[1-9]\d*$/.test(line)), `${printed}`);
      const actions = [...(await log.exported(acme)).matchAll(/"action":"(job\.[a-z]+)"/g)].map(([, action]) => action);
      assert.deepEqual(actions, ["job.create", "job.share", "job.kept", "job.continued"]);
    });
  });
}
