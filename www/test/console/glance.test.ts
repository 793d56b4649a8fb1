/** The overview, which opens first. */

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch } from "../page/browser.ts";
import { tab, verdict } from "./navigation.ts";
import { events, RealLog, skip } from "./real-log.ts";

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce", remembers: true });
});
after(() => browser.close());

const ATTACK = {
  action: "log.disable",
  actor: { type: "user", id: "u_9" },
  target: { type: "log", id: "l_1" },
};

async function opened(t: TestContext): Promise<{ log: RealLog; page: Page }> {
  const log = await RealLog.start();
  // Two runs, because an emitter has no rhythm if all of its events are of one millisecond.
  log.record(events(40));
  log.record([ATTACK]);
  const page = await browser.context.newPage();
  t.after(async () => {
    await page.close();
    await log.close();
  });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${log.url}/`);
  return { log, page };
}

async function signIn(page: Page, log: RealLog, trusts: boolean): Promise<void> {
  if (trusts) {
    await page.getByText("Paste a trust file").click();
    await page.getByLabel("Trust file", { exact: true }).fill(log.trust);
    await page.getByRole("button", { name: "Use it" }).click();
  }
  await page.getByLabel("Access token").fill(log.token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await verdict(page, trusts ? "verified" : "untrusted");
}

const card = (page: Page, name: string, state?: string) =>
  page.locator(`[data-card=${name}]${state === undefined ? "" : `[data-state=${state}]`}`);

/** Waits until all cards are checked, and asserts that the window shows all of them. */
async function fits(page: Page): Promise<void> {
  await page.locator("[data-card]:not([data-state=waiting])").nth(6).waitFor();
  await page.locator("[data-card][data-state=waiting]").first().waitFor({ state: "detached" });
  assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight));
  assert.deepEqual(await violations(page), []);
}

test("overview: tells in one screen whether the log is fine, and leads to each section", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  assert.equal(
    await card(page, "log", "unchecked").innerText(),
    "Log\n\nNot checked. You need an access token.",
  );
  await card(page, "storage", "claimed").waitFor();
  await signIn(page, log, true);
  assert.equal(new URL(page.url()).hash, "#tab=overview");
  await card(page, "findings", "bad").waitFor();
  await fits(page);
  assert.match(
    await card(page, "log", "good").innerText(),
    /Verified\.\s+Verified up to 45 entries, the newest recorded at 20\d\d-/,
  );
  assert.match(await card(page, "alarms", "unchecked").innerText(), /saw this log for the first time/);
  assert.match(await card(page, "witnesses", "unchecked").innerText(), /Your trust file names no witness/);
  assert.match(await card(page, "findings").innerText(), /High 1/);
  assert.match(
    await card(page, "storage", "claimed").innerText(),
    /The log operator says: healthy\. This can’t be checked here/,
  );
  assert.equal(await page.locator("[data-summary=good]").count(), 0);
  assert.match(await page.locator("[data-summary=bad]").innerText(), /^Needs attention: Findings\.$/);
  await page.locator("[data-summary=unchecked]", { hasText: "History and Witnesses" }).waitFor();
  for (const [name, section] of [
    ["log", "coverage"],
    ["findings", "findings"],
    ["emitters", "keys"],
    ["witnesses", "witnesses"],
    ["storage", "storage"],
  ] as const) {
    await card(page, name).getByRole("link").click();
    await page.locator(`main[data-tab=${section}]`).waitFor();
    await tab(page, "Overview");
  }
  // The second visit compares the log with the first.
  await page.reload();
  await page.locator("[data-sign-in=accepted]").waitFor();
  await card(page, "alarms", "good").waitFor();
  await page.getByRole("button", { name: "Deutsch" }).click();
  await page.locator("[data-summary]", { hasText: "Das braucht Aufmerksamkeit: Funde." }).waitFor();
  await fits(page);
  await page.getByRole("button", { name: "English" }).click();
});

test("overview: says what isn't checked, and what to do", { skip }, async (t) => {
  const { log, page } = await opened(t);
  await signIn(page, log, false);
  await fits(page);
  for (const name of ["log", "findings", "emitters", "witnesses"])
    await card(page, name, name === "findings" ? "bad" : "unchecked").waitFor();
  assert.doesNotMatch(await page.locator("main").innerText(), /verified/i);
  await card(page, "log").getByRole("button", { name: "Choose a trust file" }).click();
  await page.locator(".trust-part button:focus").waitFor();
});

test("overview: shows a log that grew, the live view, and an alarm", { skip }, async (t) => {
  const { log, page } = await opened(t);
  await signIn(page, log, true);
  await fits(page);
  log.record(events(5));
  await tab(page, "Storage");
  await tab(page, "Overview");
  await card(page, "log").getByText("The log says that it has").waitFor();
  await card(page, "log").getByRole("button", { name: "Load again" }).click();
  await card(page, "log").getByText("Verified up to 52 entries").waitFor();
  await card(page, "live", "off").getByRole("button", { name: "Start the live view" }).click();
  await page.locator("main[data-tab=live]").waitFor();
  await verdict(page, "verified");
  await tab(page, "Overview");
  await card(page, "live", "good").waitFor();
  await log.replace();
  await page.locator(".alarms .alarm").waitFor();
  await card(page, "alarms", "bad").waitFor();
  await page.locator("[data-summary=bad]", { hasText: "History" }).waitFor();
});
