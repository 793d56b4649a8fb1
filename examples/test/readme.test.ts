/** Tests the commands in examples/README.md, which create a log to write to. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { createRecorder } from "countersign";
import { COUNTERSIGN, PATH } from "../run/tools.ts";
import { Log } from "./log.ts";
import { shell } from "./readme.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";

test("examples README: commands create a log that accepts events which verify", { skip }, async (t) => {
  const log = await Log.start();
  t.after(() => log.close());
  const [serve, keys = "", reading = ""] = shell(".").map((block) =>
    block.replaceAll("http://127.0.0.1:8080", log.url),
  );
  assert.equal(serve, "countersign serve --origin log.example/audit\n");
  const type = (script: string) =>
    execFileSync("sh", ["-ec", script], {
      cwd: log.folder,
      env: { PATH: `${dirname(COUNTERSIGN)}:${PATH}`, NO_COLOR: "1" },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });

  const [to = "", vkey = "", key = ""] = type(`${keys}\nprintf '%s\\n' "$AUDIT_URL" "$AUDIT_LOG" "$AUDIT_KEY"`).split(
    "\n",
  );
  const audit = createRecorder({ key, to, log: vkey });
  audit.record({ action: "job.delete", actor: { id: "u_1" } });
  await audit.close({ retryForMs: 30_000 });

  const output = type(reading);
  assert.match(output, /Verified\. Unchanged/);
  assert.match(output, /job\.delete/);
});
