/** Tests the adapters for agents with their SDKs, from the tarball. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { basename } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Installed } from "./installed.ts";

const run = promisify(execFile);
const frameworks = fileURLToPath(new URL("frameworks/node_modules", import.meta.url));
const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
const tests = globSync("*.test.mjs", { cwd: fileURLToPath(new URL("setups/agents", import.meta.url)) });
const skip =
  !existsSync(frameworks) &&
  process.env.CI === undefined &&
  "the SDKs are not installed: npm ci in js/test/package/frameworks";

describe("agents", { skip, concurrency: true, timeout: 120_000 }, () => {
  let installed: Installed;
  before(() => {
    installed = new Installed("countersign");
    installed.bring(frameworks);
  });
  after(() => installed.remove());

  test("types", async () => {
    const options = "--noEmit --strict --skipLibCheck --module nodenext --target es2024 --types node".split(" ");
    const file = installed.path("test/setups/agents/types.ts");
    installed.borrow("@types/node");
    const { stdout } = await run(tsc, ["--ignoreConfig", ...options, file], { cwd: installed.folder }).catch(
      (error: { stdout: string }) => error,
    );
    assert.equal(stdout, "");
  });

  for (const name of tests) {
    test(basename(name, ".test.mjs"), async () => {
      const file = installed.path("test/setups/agents", name);
      // Without this, the tests would report to this test's runner in its own format.
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", file], {
        cwd: installed.folder,
        env,
        maxBuffer: 16 * 1024 * 1024,
      }).catch((error: { stdout: string }) => error);
      const [, passed] = /^# pass (\d+)$/m.exec(stdout) ?? [];
      assert.ok(/^# fail 0$/m.test(stdout) && Number(passed) > 0, stdout);
    });
  }
});
