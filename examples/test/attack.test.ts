/** Tests the attack that `cargo xtask start` plays, with all of its servers. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { launch } from "../../js/test/chromium.ts";
import { play, RULES } from "../run/attack.ts";
import { COUNTERSIGN, project } from "../run/tools.ts";
import { startWorkers } from "../run/workers.ts";
import { countersign, exportOf, Log } from "./log.ts";
import { command } from "./readme.ts";
import { Running } from "./running.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";
const PAGE = process.env.PAGE ?? project("www/dist/index.html");
const TOKEN = "csr_reader";

test("attack: watch finds it, the Worker refuses the account, and the evidence verifies", {
  skip,
}, async (t) => {
  // Readers of a log are stopped before the log.
  const ends: (() => unknown)[] = [];
  const last = (end: () => unknown) => ends.unshift(end);
  t.after(async () => {
    for (const end of ends) {
      await end();
    }
  });
  const folder = mkdtempSync(join(tmpdir(), "countersign-attack-"));
  last(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  const log = await Log.start(["*"]);
  last(() => log.close());
  const server = await log.admit("emitter", "dashboard.example/server");
  writeFileSync(file("reader.token"), log.token("attack"), { mode: 0o600 });
  const dashboard = await startDashboard(last, log, server);
  const url = await dashboard.address();
  const watch = countersign("keygen", "watch.example", "--out", file("watch.key"));
  const watching = new Running(
    [
      COUNTERSIGN,
      ...["watch", log.url, "--trust", log.trustFile, "--token-file", file("reader.token")],
      ...["--state", file("state"), ...RULES, "--watchlist", file("watchlist.txt"), "--key", file("watch.key")],
      ...["--exec", 'cat >> "$ALERTS"'],
    ],
    { cwd: folder, env: { ALERTS: file("alerts.ndjson"), NO_COLOR: "1" } },
  );
  last(() => watching.kill());
  const [emitter, own] = ["emitter", "own"].map((name) => {
    const vkey = countersign("keygen", `${name}.example/worker`, "--out", file(`${name}.key`));
    return { vkey, secret: readFileSync(file(`${name}.key`), "utf8").trim() };
  });
  assert.ok(emitter !== undefined && own !== undefined);
  const trust = `log ${own.vkey}\nemitter ${emitter.vkey}\n`;
  const workers = await startWorkers({
    vars: {
      worker: {
        AUDIT_LOG: own.vkey,
        AUDIT_KEY: emitter.secret,
        AUDIT_WATCHLIST: await served(last, file("watchlist.txt")),
        AUDIT_WATCH: watch,
      },
      log: {
        AUDIT_LOG_KEY: own.secret,
        AUDIT_TRUST: trust,
        AUDIT_READERS: `${createHash("sha256").update(TOKEN).digest("hex")} read reader\n`,
      },
    },
    build: file("build"),
  });
  last(() => workers.close());

  const reported: string[] = [];
  const { account, findings, answers, evidence } = await play(
    {
      dashboard: url,
      worker: workers.url,
      log: log.url,
      alerts: file("alerts.ndjson"),
      trust: log.trustFile,
      token: file("reader.token"),
      out: file("out"),
    },
    (line) => reported.push(line),
  );
  assert.deepEqual(answers, [202, 403], reported.join("\n"));
  const titles = findings.map(({ title }) => title);
  for (const title of ["Many Failed Logins for One Identity", "Account Takeover"]) {
    assert.ok(titles.includes(title), titles.join(", "));
  }
  // The refusal is recorded with the finding.
  const takeover = findings.find(({ title }) => title === "Account Takeover");
  const { events } = exportOf(workers.logUrl, TOKEN, trust, folder);
  const refused = events.flatMap(({ event }) => (event.outcome === "denied" ? [event] : []));
  assert.ok(refused.length > 0);
  for (const { actor, countersign } of refused) {
    assert.equal((actor as { id: string }).id, account);
    assert.equal((countersign as { finding: string }).finding, takeover?.id);
  }

  const proof = evidence.find((path) => path.includes(takeover?.id ?? "none")) ?? assert.fail("there is no evidence");
  // The evidence is part of the log: it verifies, and the rule matches again.
  const again = spawnSync(COUNTERSIGN, ["analyze", proof, "--trust", log.trustFile, ...RULES, "--format", "json"], {
    encoding: "utf8",
  });
  const seen = JSON.parse(again.stdout) as { verdict: string; findings: { rule: string }[] };
  assert.equal(seen.verdict, "partial");
  assert.ok(seen.findings.some(({ rule }) => rule === "dashboard-taken-over"));
  await verifiesOnPage(t, proof, log.trustFile);
  await dashboard.stop();
});

/** Registers cleanup that runs before everything registered earlier. */
type Last = (end: () => unknown) => unknown;

async function startDashboard(last: Last, log: Log, key: string): Promise<Running> {
  const server = new Running(command("dashboard", "node "), {
    cwd: project("examples/dashboard"),
    env: {
      AUDIT_URL: log.url,
      AUDIT_TRUST: log.trustFile,
      AUDIT_KEY: key,
      AUDIT_ISSUER_KEY: await log.admit("issuer", "dashboard.example"),
      AUDIT_TOKEN: log.token("dashboard"),
      PORT: "0",
    },
  });
  last(() => server.kill());
  return server;
}

/** Serves a file that is rewritten repeatedly, and returns its URL. */
async function served(last: Last, path: string): Promise<string> {
  const server = createServer((_request, response) =>
    existsSync(path) ? response.end(readFileSync(path)) : response.writeHead(404).end(),
  );
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  last(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Opens the auditor's page from disk, and verifies the evidence on it. */
async function verifiesOnPage(t: TestContext, evidence: string, trust: string): Promise<void> {
  if (!existsSync(PAGE) && process.env.CI === undefined) {
    t.diagnostic("skipped: there is no auditor's page (npm run build in www)");
    return;
  }
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`file://${PAGE}`);
  const choose = async (button: RegExp, file: string) => {
    const dialog = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: button }).first().click();
    await (await dialog).setFiles(file);
  };
  await choose(/Choose a(nother)? trust file/, trust);
  await choose(/Choose a(nother)? file/, evidence);
  await page
    .locator("#verdict-heading")
    .filter({ hasText: /^Unchanged/ })
    .waitFor();
}
