/** Tests that an issuer works the same in every server runtime. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bundled, start } from "../adapters/workerd.ts";
import { Signer } from "../conformance/keys.ts";
import type { Started } from "../conformance/log.ts";
import { serve } from "../conformance/serve.ts";
import { ISSUER, LOG, SETUP } from "../conformance/setup.ts";
import { openProof } from "../conformance/tree.ts";
import { Child, RUNTIMES, type Runtime } from "../runtimes.ts";
import { grantRequest } from "./grant-requests.ts";

interface GrantResponse {
  vkey: string;
  note: string;
  index: number;
  proof: string;
}

describe("issuer in other runtimes", { skip: serve.skip, timeout: 60_000 }, () => {
  let log: Started;
  before(async () => {
    log = await serve.start(SETUP);
  });
  after(() => log.close());

  /** Verifies the note and proof independently. */
  const check = (vkey: string, { note, proof, index, ...body }: GrantResponse) => {
    assert.equal(body.vkey, vkey);
    assert.equal(openProof(proof, note, LOG.vkey).index, index);
    assert.ok(note.includes(`\ngrant ${vkey} - `));
  };

  for (const [nth, runtime] of Object.keys(RUNTIMES).entries()) {
    test(`grants in ${runtime}`, async () => {
      const signer = new Signer(`${ISSUER.name}/${`in-${runtime}`.padEnd(16, "-")}`, nth);
      const args = [ISSUER.secret, log.url, LOG.vkey, grantRequest(signer)];
      const child = new Child(runtime as Runtime, new URL("child.ts", import.meta.url), args);
      const [line = "{}"] = await child.rest();
      const { code, errors } = await child.ended();
      assert.deepEqual([code, errors], [0, ""]);
      const { status, body } = JSON.parse(line);
      assert.equal(status, 200, line);
      check(signer.vkey, body);
    });
  }

  test("grants in workerd", async () => {
    const bindings = { AUDIT_ISSUER: ISSUER.secret, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey };
    const worker = start(await bundled(new URL("worker.ts", import.meta.url)), { bindings });
    try {
      const signer = new Signer(`${ISSUER.name}/in-workerd------`, 9);
      const ask = (cookie: string) =>
        worker.dispatchFetch("https://app.example/audit/grant", {
          method: "POST",
          headers: { "content-type": "application/json", cookie },
          body: JSON.stringify({ request: grantRequest(signer) }),
        });
      assert.equal((await ask("session=mallory")).status, 403);
      const granted = await ask("session=alice");
      assert.equal(granted.status, 200);
      check(signer.vkey, (await granted.json()) as GrantResponse);
    } finally {
      await worker.dispose();
    }
  });
});
