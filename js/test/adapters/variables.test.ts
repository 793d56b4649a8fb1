/** Tests a Worker whose recorder takes its options from the environment, in workerd. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const bundle = await bundled(new URL("worker/variables.ts", import.meta.url));

describe("Workers without options", { skip, timeout: 90_000 }, () => {
  const log = new GatedLog();
  const durableObjects = { ROOM: { className: "Room", useSQLite: true } };

  before(() => log.start());
  after(() => log.close());

  /** Returns the answer of a Worker with these variables. */
  async function ask(path: string, bindings: Record<string, string>): Promise<string> {
    const worker = start(bundle, { bindings, durableObjects });
    try {
      return await (await worker.dispatchFetch(`http://worker.test${path}`)).text();
    } finally {
      await worker.dispose();
    }
  }

  const all = () => ({ AUDIT_KEY: EMITTERS[0].secret, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey });

  test("handlers and objects record with the variables", async () => {
    assert.equal(await ask("/", all()), "delivered");
    assert.equal(await ask("/room", all()), "ok");
    const events = (await log.events()).map(({ event: { action, target } }) => ({ action, target }));
    assert.deepEqual(events, [
      { action: "job.delete", target: { type: "job", id: "42" } },
      { action: "job.stop", target: { type: "job", id: "of the object" } },
    ]);
  });

  test("missing variables are named, with how to set each", async () => {
    const { AUDIT_URL: _, AUDIT_KEY: __, ...one } = all();
    const said = await ask("/", one);
    assert.match(said, /^options\.invalid key: the Worker's environment lacks variables: AUDIT_KEY, AUDIT_URL /);
    assert.match(
      said,
      /for local work, run `npx countersign dev --env \.dev\.vars`.*; for production, set each variable; run npx wrangler/,
    );
    assert.match(said, /wrangler secret put AUDIT_KEY/);
  });
});
