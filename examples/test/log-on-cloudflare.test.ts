/** Tests the commands in log-on-cloudflare/README.md, as far as possible without an account. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseEnv } from "node:util";
import { COUNTERSIGN, PATH } from "../run/tools.ts";
import { startWorkers, type Workers } from "../run/workers.ts";
import { shell } from "./readme.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";

/** Shell functions that replace the deployment commands, which need an account. */
const WITHOUT_ACCOUNT = 'npm() { test "$1" = install; }\nnpx() { test "$1" = wrangler; }\n';

test("log-on-cloudflare README: commands create a log that accepts events which verify", { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-log-on-cloudflare-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const home = join(folder, "log");
  mkdirSync(home);
  const type = (script: string) =>
    execFileSync("sh", ["-ec", WITHOUT_ACCOUNT + script], {
      cwd: home,
      env: { PATH: `${dirname(COUNTERSIGN)}:${PATH}`, NO_COLOR: "1" },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const blocks = shell("log-on-cloudflare");
  const [keys = "", strings = "", deploy = "", use = "", dev = "", devUse = "", ...more] = blocks;
  assert.deepEqual(more, []);

  const vkeys = type(`${keys}\nprintf '%s\\n' "LOG_VKEY=$LOG_VKEY" "APP_VKEY=$APP_VKEY"`);
  const [trust, readers] = type(strings)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as string);
  type(deploy);
  type(`${vkeys}\n${dev}`);

  const start = async (vars: Record<string, string>): Promise<Workers> => {
    const workers = await startWorkers({
      vars: { worker: {}, log: { AUDIT_TRUST: trust ?? "", AUDIT_READERS: readers ?? "", ...vars } },
      build: join(folder, "build"),
    });
    t.after(() => workers.close());
    return workers;
  };
  const using = (workers: Workers) => use.replace(/^LOG_URL=.*$/m, `LOG_URL=${workers.logUrl}`);
  const deployed = await start({ AUDIT_LOG_KEY: readFileSync(join(home, "log.key"), "utf8") });
  assert.match(type(`${vkeys}\n${using(deployed)}`), /Verified\. Unchanged/);

  // The local log is another one, and accepts the same emitter.
  const local = parseEnv(readFileSync(join(home, ".dev.vars"), "utf8")) as Record<string, string>;
  const begun = await start(local);
  const checkpoint = await (await fetch(`${begun.logUrl}/checkpoint`)).text();
  assert.match(checkpoint, /^dev\.example\/audit\n0\n/);
  const devKey = `DEV_VKEY=${/^log (.*)$/m.exec(local.AUDIT_TRUST ?? "")?.[1]}`;
  assert.match(type(`${devKey}\n${devUse.replaceAll("http://localhost:8787", begun.logUrl)}`), /Verified\. Unchanged/);
});
