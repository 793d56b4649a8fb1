/** Tests contexts in workerd, with each relevant flag and without. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bundled, start } from "../adapters/workerd.ts";
import { EMITTERS } from "../conformance/setup.ts";

const bundle = await bundled(new URL("worker/context.ts", import.meta.url));

for (const flag of ["nodejs_compat", "nodejs_als", undefined] as const) {
  test(`asyncContext: works in workerd with ${flag ?? "no flag"}`, async () => {
    const worker = start(bundle, {
      bindings: { KEY: EMITTERS[0].secret, FLAG: flag ?? "" },
      compatibilityFlags: flag === undefined ? [] : [flag],
    });
    try {
      const answer = await (await worker.dispatchFetch("http://worker.test/")).json();
      if (flag === undefined) {
        const { code, member, hint } = answer as { code: string; member: string; hint: string };
        assert.equal(code, "context.unavailable");
        assert.equal(member, "AsyncLocalStorage");
        assert.match(hint, /nodejs_compat.*nodejs_als/);
      } else {
        assert.deepEqual(answer, ["u_1", "u_2"]);
      }
    } finally {
      await worker.dispose();
    }
  });
}
