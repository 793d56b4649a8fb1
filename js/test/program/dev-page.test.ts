/** The page of `npx countersign dev`: asks for the token, and shows verified events as they come. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createRecorder } from "countersign";
import type { Browser, Page } from "playwright-core";
import { violations } from "../axe.ts";
import { launch, WITHOUT_CHROMIUM } from "../chromium.ts";
import { eventually } from "../eventually.ts";
import { Installed } from "../package/installed.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = major < 22 || (major === 22 && minor < 16);

describe("the page of npx countersign dev", { skip: WITHOUT_CHROMIUM || (isOld && "this Node.js is too old") }, () => {
  let installed: Installed;
  let browser: Browser;
  const children: ChildProcess[] = [];
  const here = mkdtempSync(join(tmpdir(), "countersign-dev-page-"));
  let variable: (name: string) => string;

  /** Starts a log, and returns its variables. */
  async function start(...args: readonly string[]): Promise<(name: string) => string> {
    let printed = "";
    const env = { PATH: process.env.PATH, HOME: here, TMPDIR: here };
    const npx = installed.path("node_modules", ".bin", "countersign");
    const child = spawn(npx, ["dev", "--listen", "127.0.0.1:0", ...args], { cwd: here, env });
    children.push(child);
    child.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
    await eventually(
      "the variables are printed",
      () => printed,
      (text) => text.includes("COUNTERSIGN_TOKEN="),
    );
    return (name) => new RegExp(`^${name}=(.*)$`, "m").exec(printed)?.[1] ?? assert.fail(name);
  }

  before(async () => {
    installed = new Installed("countersign");
    browser = await launch();
    variable = await start();
  });

  after(async () => {
    await browser?.close();
    for (const child of children) {
      child.kill();
      await once(child, "close");
    }
    installed?.remove();
    rmSync(here, { recursive: true });
  });

  /** Opens the page, and collects what the browser complains about. */
  async function open(locale: string, url = variable("AUDIT_URL")): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({ locale });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${url}/`);
    return { page, complaints };
  }

  test("shows events as they are recorded, verified, and keeps the token in the tab", async () => {
    const recorder = createRecorder({
      key: variable("AUDIT_KEY"),
      to: variable("AUDIT_URL"),
      log: variable("AUDIT_LOG"),
    });
    await recorder.record({ action: "job.delete", target: { type: "job", id: "42" } }).delivered();
    const { page, complaints } = await open("en");
    const token = page.getByLabel("Reader's token");
    await token.waitFor();
    assert.deepEqual(await violations(page), []);
    await token.fill(variable("COUNTERSIGN_TOKEN"));
    await page.getByRole("button", { name: "Open the log" }).click();
    await page.locator("cs-rows [role=row]", { hasText: "job.delete" }).waitFor();
    await page.locator("[data-verdict=verified]").first().waitFor();
    await recorder.record({ action: "user.invite", target: { type: "user", id: "lin" } }).delivered();
    await page.locator("cs-rows [role=row]", { hasText: "user.invite" }).waitFor();
    await page.locator("[data-verdict=verified]").first().waitFor();
    await page.reload();
    await page.locator("cs-rows [role=row]", { hasText: "user.invite" }).waitFor();
    assert.deepEqual(complaints, []);
    assert.deepEqual(await violations(page), []);
    await recorder.close();
    await page.context().close();
  });

  test("says that a token is wrong, in the reader's language", async () => {
    const { page } = await open("de");
    await page.getByLabel("Lese-Token").fill("csr_wrong");
    await page.getByRole("button", { name: "Log öffnen" }).click();
    await page.getByRole("alert").filter({ hasText: "abgelehnt" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    await page.context().close();
  });

  test("lists tenants, creates one, and shows a tenant's log", async () => {
    const tenants = await start("--tenants", "--temporary");
    const url = tenants("AUDIT_URL");
    const recorder = createRecorder({
      key: tenants("AUDIT_KEY"),
      to: url,
      log: tenants("AUDIT_LOG"),
      tenants: "create",
    });
    await recorder.record({ tenant: "acme", action: "job.delete" }).delivered();
    const { page, complaints } = await open("en", url);
    await page.getByLabel("Reader's token").fill(tenants("COUNTERSIGN_TOKEN"));
    await page.getByRole("button", { name: "Open the log" }).click();
    await page.getByLabel("New tenant").fill("beta");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("listitem").filter({ hasText: "beta" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByRole("link", { name: "acme" }).click();
    await page.locator("cs-rows [role=row]", { hasText: "job.delete" }).waitFor();
    await page.locator("[data-verdict=verified]").first().waitFor();
    await recorder.record({ tenant: "acme", action: "user.invite" }).delivered();
    await page.locator("cs-rows [role=row]", { hasText: "user.invite" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByRole("link", { name: "All tenants" }).click();
    await page.getByRole("listitem").filter({ hasText: "acme (3 entries)" }).waitFor();
    assert.deepEqual(complaints, []);
    await recorder.close();
    await page.context().close();
  });
});
