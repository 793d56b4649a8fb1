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
  let child: ChildProcess;
  let browser: Browser;
  let printed = "";
  const here = mkdtempSync(join(tmpdir(), "countersign-dev-page-"));
  const variable = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(printed)?.[1] ?? assert.fail(name);

  before(async () => {
    installed = new Installed("countersign");
    const env = { PATH: process.env.PATH, HOME: here, TMPDIR: here };
    const npx = installed.path("node_modules", ".bin", "countersign");
    const started = spawn(npx, ["dev", "--listen", "127.0.0.1:0"], { cwd: here, env });
    started.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
    child = started;
    browser = await launch();
    await eventually(
      "the variables are printed",
      () => printed,
      (text) => text.includes("COUNTERSIGN_TOKEN="),
    );
  });

  after(async () => {
    await browser?.close();
    if (child !== undefined) {
      child.kill();
      await once(child, "close");
    }
    installed?.remove();
    rmSync(here, { recursive: true });
  });

  /** Opens the page, and collects what the browser complains about. */
  async function open(locale: string): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({ locale });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${variable("AUDIT_URL")}/`);
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
});
