/** Tests the Worker and its log in workerd, set up as described in the README. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { violations } from "../../js/test/axe.ts";
import { launch } from "../../js/test/chromium.ts";
import { COUNTERSIGN, PATH } from "../run/tools.ts";
import { startWorkers, type Workers } from "../run/workers.ts";
import { exportOf } from "./log.ts";
import { shell } from "./readme.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";
const folder = mkdtempSync(join(tmpdir(), "countersign-worker-"));
const TOKEN = "csr_reader";
const CONSOLE = "http://127.0.0.1:8797/";

let workers: Workers;
let trust = "";

before(async () => {
  if (skip) {
    return;
  }
  // Runs the README's commands in sibling folders, as in the project.
  for (const name of ["worker", "log-on-cloudflare"]) {
    mkdirSync(join(folder, name));
  }
  const [keys = ""] = shell("worker");
  execFileSync("sh", ["-ec", keys], {
    cwd: join(folder, "worker"),
    env: { PATH: `${dirname(COUNTERSIGN)}:${PATH}` },
    stdio: "pipe",
  });
  const vars = (name: string) =>
    parseEnv(readFileSync(join(folder, name, ".dev.vars"), "utf8")) as Record<string, string>;
  const log = vars("log-on-cloudflare");
  trust = log.AUDIT_TRUST ?? "";
  const readers = `${createHash("sha256").update(TOKEN).digest("hex")} read reader\n`;
  workers = await startWorkers({
    vars: { worker: { ...vars("worker"), AUDIT_CONSOLE: CONSOLE }, log: { ...log, AUDIT_READERS: readers } },
    build: join(folder, "build"),
  });
});

after(async () => {
  await workers?.close();
  rmSync(folder, { recursive: true });
});

test("worker: records requests in the Durable Object's log, whose export verifies", {
  skip,
}, async () => {
  const send = (method: string, id: string) =>
    fetch(`${workers.url}/jobs/${id}`, { method, headers: { "x-user": "u_1" } });
  assert.equal((await fetch(workers.url)).headers.get("content-type"), "text/html; charset=utf-8");

  const started = await send("POST", "nightly-backup");
  assert.deepEqual([started.status, await started.json()], [202, { id: "nightly-backup", started: true }]);
  const deleted = await send("DELETE", "invoice-run");
  const { entry } = (await deleted.json()) as { entry: { index: number; chain: string; seq: number } };

  const refused = await send("DELETE", "nightly-backup");
  assert.deepEqual([refused.status, await refused.text()], [403, "Forbidden.\n"]);

  const { verdict, events } = exportOf(workers.logUrl, TOKEN, trust, folder);
  assert.equal(verdict, "verified");
  assert.deepEqual(
    events.map(({ event }) => event),
    [
      { action: "job.trigger", actor: { id: "u_1" }, target: { id: "nightly-backup", type: "job" } },
      { action: "job.delete", actor: { id: "u_1" }, target: { id: "invoice-run", type: "job" } },
      {
        action: "http.request",
        actor: { id: "u_1" },
        outcome: "denied",
        reason: "refused by Protected Job Deleted",
        http: {
          method: "DELETE",
          path: "/jobs/nightly-backup",
          status: 403,
          latency_ms: (events[2]?.event as { http?: { latency_ms?: number } } | undefined)?.http?.latency_ms,
        },
        countersign: {
          decision: "deny",
          rule: "protected-job",
          pack: createHash("sha256")
            .update(readFileSync(new URL("../worker/src/pack.json", import.meta.url), "utf8").trimEnd())
            .digest("base64"),
        },
      },
    ],
  );
  assert.deepEqual([events[1]?.chain, events[1]?.seq], [entry.chain, entry.seq]);
});

test("worker: the page removes deleted jobs, links to the log, and is accessible", { skip }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(workers.url);
  assert.equal(await page.getByRole("link", { name: "open its console" }).getAttribute("href"), CONSOLE);
  const jobs = page.locator("ul > li");
  await page.getByRole("button", { name: "Delete nightly-backup" }).click();
  await page.getByText("by the gate, which is recorded").waitFor();
  assert.equal(await jobs.count(), 3);
  await page.getByRole("button", { name: "Delete search-reindex" }).click();
  await page.getByText("✓ Proven delete search-reindex").waitFor();
  assert.deepEqual(await jobs.locator("span:first-child").allTextContents(), ["nightly-backup", "invoice-run"]);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], colorScheme);
  }
});

test("worker: pack.json matches its rules", { skip }, () => {
  const built = join(folder, "pack.json");
  const rules = fileURLToPath(new URL("../worker/rules", import.meta.url));
  execFileSync(COUNTERSIGN, ["rules", "build", rules, "-o", built], { stdio: "pipe" });
  const kept = readFileSync(new URL("../worker/src/pack.json", import.meta.url), "utf8");
  assert.equal(readFileSync(built, "utf8").trimEnd(), kept.trimEnd());
});

test("worker: package.json includes the log's dependencies", () => {
  const manifest = (name: string) =>
    JSON.parse(readFileSync(new URL(`../${name}/package.json`, import.meta.url), "utf8"));
  const needed = Object.keys(manifest("log-on-cloudflare").dependencies);
  assert.deepEqual(needed, Object.keys(manifest("worker").devDependencies));
});
