/** Tests idle programs with recorders whose log is down: no event is lost without being counted. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { RUNTIMES } from "../runtimes.ts";
import { type Accounts, type Place, RECORDED } from "./accounts.ts";
import { bundled, started } from "./workerd.ts";

const SCRIPT = fileURLToPath(new URL("accounts-program.ts", import.meta.url));

/** Runs the scenario with a log of its own, and checks the log. */
async function inLog(run: (place: Place) => Promise<string>): Promise<void> {
  const log = await serve.start(SETUP);
  try {
    const [proven, accounts = ""] = (await run({ key: EMITTERS[0].secret, url: log.url, log: LOG.vkey })).split("\n");
    assert.equal(proven, "5");
    const { delivered, rejected, dropped, lost, waiting, reported }: Accounts = JSON.parse(accounts);
    assert.ok(delivered > 50 && dropped > 50, accounts);
    assert.equal(delivered + dropped + lost, RECORDED);
    assert.deepEqual([rejected, lost, waiting, reported], [{ "recorder.full": dropped }, 0, 0, 1]);
    const exported = await fetch(`${log.url}/export`, { headers: { authorization: `Bearer ${AUDITOR}` } });
    const text = await exported.text();
    assert.equal(new Set(text.match(/"id":"(alone|dead)\.\d+"/g)).size, 5 + delivered);
    const counts = [...text.matchAll(/"action":"countersign\.dropped".*?"count":(\d+)/g)].map(([, count]) =>
      Number(count),
    );
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      dropped,
    );
  } finally {
    await log.close();
  }
}

describe("chaos: accounts", { skip: serve.skip, timeout: 120_000 }, () => {
  for (const [runtime, [program, ...args]] of Object.entries(RUNTIMES)) {
    test(runtime, () =>
      inLog(async (place) => {
        const { stdout } = await promisify(execFile)(program, [...args, SCRIPT, JSON.stringify(place)]);
        return stdout;
      }),
    );
  }

  test("workerd", () =>
    inLog(async (place) => {
      const folder = mkdtempSync(join(tmpdir(), "countersign-accounts-"));
      const { worker } = await started(await bundled("accounts-worker.ts", { folder }));
      try {
        const answer = await worker.dispatchFetch("http://worker.test/", {
          method: "POST",
          body: JSON.stringify(place),
        });
        return await answer.text();
      } finally {
        await worker.dispose();
        rmSync(folder, { recursive: true });
      }
    }));
});
