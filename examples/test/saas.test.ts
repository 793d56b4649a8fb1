/** Tests the service with two customers in Chromium, and what each sees after an administrator deletes an event. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch } from "../../js/test/chromium.ts";
import { COUNTERSIGN, PATH, project } from "../run/tools.ts";
import { customersIn } from "../saas/customers.ts";
import { command, shell } from "./readme.ts";
import { Running } from "./running.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";
const cwd = project("examples/saas");

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Starts a log server and the service, with the commands of the README. */
async function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "countersign-saas-"));
  const [, ...serve] = command("saas", "countersign serve");
  const log = new Running([COUNTERSIGN, ...serve, "--listen", "127.0.0.1:0"], { cwd: folder, env: { NO_COLOR: "1" } });
  t.after(async () => {
    await log.stop();
    rmSync(folder, { recursive: true });
  });
  const url = await log.address();
  const names = ["AUDIT_URL", "AUDIT_LOG", "AUDIT_KEY", "CUSTOMERS"];
  const setup = `${shell("saas")[1]}\nprintf '%s\\n' ${names.map((name) => `"$${name}"`).join(" ")}`;
  const printed = execFileSync("sh", ["-ec", setup.replaceAll("http://127.0.0.1:8080", url)], {
    cwd: folder,
    env: { PATH: `${dirname(COUNTERSIGN)}:${PATH}`, NO_COLOR: "1" },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  await log.prints(/trust\.txt was read again/);
  const values = printed.trim().split("\n").slice(-names.length);
  const env = Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
  const service = new Running(command("saas", "node server.ts"), { cwd, env: { ...env, PORT: "0" } });
  t.after(() => service.stop());
  return { folder, log, service: await service.address(), env };
}

async function open(t: TestContext, address: string): Promise<Page> {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(address);
  return page;
}

const complete = (page: Page, entries: number) =>
  page.locator("[data-verdict=verified]", { hasText: `all ${entries} entries of this customer’s log` }).waitFor();

const row = (page: Page, text: string) => page.locator("cs-rows [role=row]", { hasText: text }).waitFor();

test("saas: customers see their whole logs, and one notices that its event was deleted", { skip }, async (t) => {
  const { folder, service, env } = await start(t);
  const [acme, globex] = [await open(t, `${service}/acme/`), await open(t, `${service}/globex/`)];
  for (const page of [acme, globex]) {
    await page.getByText("Nothing to check: the log was empty.").waitFor();
    for (const job of ["nightly-backup", "invoice-run"]) {
      await page.getByRole("button", { name: `Delete ${job}` }).click();
      await row(page, job);
    }
    await complete(page, 3);
  }
  assert.equal(await acme.getByText("admin@globex").count(), 0);

  const drop = (...more: string[]) => {
    const [node = "", script = "", , ...args] = command("saas", "node drop.ts");
    const typed = [script, join(folder, "countersign-log"), ...args, ...more];
    const { status, stderr } = spawnSync(node, ["--experimental-strip-types", ...typed], { cwd, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  };
  drop();
  await row(acme, "invoice-run");
  await acme.reload();
  await acme.locator("[data-verdict=partial]", { hasText: "some events may be withheld" }).waitFor();
  await row(acme, "Event withheld, no reason given");
  await globex.reload();
  await complete(globex, 3);

  const run = (args: readonly string[], token?: string) =>
    spawnSync(COUNTERSIGN, args, {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", ...(token !== undefined && { COUNTERSIGN_TOKEN: token }) },
      encoding: "utf8",
    });
  const receipt = command("saas", "countersign receipt").slice(1);
  const { status } = run(receipt.map((word) => word.replace("$CUSTOMERS", env.CUSTOMERS ?? "")));
  assert.equal(status, 0);
  const { origin = "", token } = customersIn(join(folder, "customers")).get("acme") ?? {};
  assert.equal(
    run(["export", "--dir", `${env.AUDIT_URL}/t/${origin.split("/").at(-1)}`, "-o", "acme.ndjson"], token).status,
    0,
  );
  const audited = run(["verify", "acme.ndjson", "--trust", "customers/acme-trust.txt"]);
  assert.equal(audited.status, 4);
  assert.match(audited.stdout, /payload\.withheld .*the event is withheld/);
});

test("saas: a log without one of its entries can't be exported", { skip }, async (t) => {
  const { folder, log, service } = await start(t);
  const page = await open(t, `${service}/acme/`);
  await page.getByRole("button", { name: "Delete invoice-run" }).click();
  await complete(page, 2);
  const [node = "", script = "", , ...args] = command("saas", "node drop.ts");
  const typed = [script, join(folder, "countersign-log"), ...args, "--entry"];
  const { status, stderr } = spawnSync(node, ["--experimental-strip-types", ...typed], { cwd, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  await page.reload();
  await log.prints(/entries in 0\.\.2 are missing/);
  await page.waitForTimeout(3000);
  assert.equal(await page.locator("[data-verdict=verified]").count(), 0);
});
