/** Tests the adapters' types together with Cloudflare's. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

for (const resolution of ["bundler", "nodenext"]) {
  test(`a Worker's types resolve with ${resolution}`, () => {
    const options = "--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target es2023";
    const { stdout } = spawnSync(
      process.execPath,
      [
        here("../../node_modules/typescript/bin/tsc"),
        ...`${options} --lib es2023 --ignoreConfig --types @cloudflare/workers-types`.split(" "),
        ...["--module", resolution === "bundler" ? "esnext" : resolution, "--moduleResolution", resolution],
        here("types/worker.ts"),
      ],
      { cwd: here("../.."), encoding: "utf8" },
    );
    assert.equal(stdout, "");
  });
}
