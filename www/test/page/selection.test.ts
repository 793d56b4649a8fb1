/** The selection that the page shows in words is what it saves and prints. */

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch, open, PAGE, saved, verifyVector } from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The page with an export of nine events. */
async function verified(t: TestContext): Promise<{ page: Page; downloads: string[] }> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  const downloads: string[] = [];
  page.on("download", (download) => downloads.push(download.suggestedFilename()));
  await page.goto(pathToFileURL(PAGE).href);
  await verifyVector(page, vector("log-two-chains"));
  await page.locator('#evidence-selection [data-selection="ready"]').waitFor({ state: "attached" });
  return { page, downloads };
}

const query = (page: Page) => page.getByRole("combobox", { name: "Search events" });
const BUTTONS = ["Save as evidence", "Draw", "Show the events", "Download report", "Print report"];
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** Expands the folded parts of the evidence panel. */
async function unfold(page: Page): Promise<void> {
  for (const part of await page.locator(".evidence-part > summary").all()) await part.click();
}

async function search(page: Page, text: string): Promise<void> {
  await open(page, "Events");
  await query(page).fill(text);
  await query(page).press("Enter");
  await open(page, "Summary");
}

/** Returns the text of the element that describes a button. */
async function described(page: Page, name: string): Promise<string> {
  const id = await button(page, name).getAttribute("aria-describedby");
  return ((await page.locator(`#${id}`).textContent()) ?? "").replace(/\s+/g, " ").trim();
}

const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';
/** Returns the frame of an evidence file. */
function frameOf(file: string) {
  const lines = file.slice(file.indexOf(MARK) + MARK.length).split("\n");
  return JSON.parse(lines.find((line) => line.startsWith("frame "))?.slice(6) ?? "");
}

test("selection: an invalid search saves and prints nothing, and says why", async (t) => {
  for (const earlier of ["", "actor:u-2"]) {
    const { page, downloads } = await verified(t);
    let printed = 0;
    await page.exposeFunction("printed", () => (printed += 1));
    await page.evaluate(() => {
      window.print = () => void (window as unknown as { printed(): void }).printed();
    });
    await unfold(page);
    if (earlier !== "") await search(page, earlier);
    await page.getByLabel("Seed").fill("agreed");
    await search(page, `${earlier} outcome:failure since:xyz`);
    await page.locator('#evidence-selection [data-selection="error"]').waitFor();
    for (const name of BUTTONS) {
      assert.equal(await button(page, name).getAttribute("aria-disabled"), "true", name);
      assert.match(await described(page, name), /neither a day nor a time.*nothing is selected/, name);
      await button(page, name).focus();
      await page.keyboard.press("Enter");
    }
    await page.locator("#evidence-said").getByText("nothing is selected").waitFor();
    assert.deepEqual(await violations(page), []);
    // The corrected search can be saved.
    await search(page, earlier);
    await page.locator('#evidence-selection [data-selection="ready"]').waitFor();
    for (const name of BUTTONS)
      assert.equal(await button(page, name).getAttribute("aria-disabled"), "false", name);
    assert.deepEqual([downloads, printed], [[], 0]);
    await page.close();
  }
});

test("selection: a button beside the tabs leads to what can be saved, without scrolling", async (t) => {
  const { page } = await verified(t);
  await page.setViewportSize({ width: 1280, height: 800 });
  const lead = button(page, "Save…");
  const isInView = (selector: string) =>
    page.locator(selector).evaluate((part) => {
      const { top, bottom } = part.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
  for (const tab of ["Events", "Summary"]) {
    await page.evaluate(() => scrollTo(0, 0));
    await open(page, tab);
    assert.equal(await isInView(".to-save"), true, tab);
  }
  await lead.focus();
  await page.keyboard.press("Enter");
  await page.locator("#evidence-heading:focus").waitFor();
  assert.equal(await isInView("#evidence-heading"), true);
  // With an answer, one button has the name, and it saves the answer.
  await page.getByRole("textbox", { name: "Did what" }).or(page.getByLabel("Did what")).first().fill("login");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.locator(".ask-answer").waitFor();
  assert.equal(await button(page, "Save as evidence").count(), 1);
  await page.evaluate(() => scrollTo(0, 0));
  await lead.click();
  await page.locator('.ask-answer button[name="evidence"]:focus').waitFor();
  assert.equal(await isInView('.ask-answer button[name="evidence"]'), true);
  assert.deepEqual(await violations(page), []);
  // On a narrow screen, the icon keeps the words as its name.
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await lead.isVisible(), true);
  assert.deepEqual(await violations(page), []);
});

test("selection: typed text that isn't applied yet selects nothing", async (t) => {
  const { page } = await verified(t);
  await open(page, "Events");
  const states = await query(page).evaluate((input: HTMLInputElement) => {
    input.value = "actor:u-2 since:xyz";
    input.dispatchEvent(new InputEvent("input"));
    const panel = document.querySelector("countersign-evidence") as unknown as {
      context: { now(): { state: string } };
    };
    return panel.context.now().state;
  });
  assert.equal(states, "counting");
});

test("selection: is shown in words in each place and saved with its count", async (t) => {
  const { page } = await verified(t);
  assert.match(await described(page, "Save as evidence"), /Events to save: All 9 events$/);
  await search(page, "actor:u-2");
  const says = page.locator("#evidence-selection");
  await says.filter({ hasText: /\d of 9 events:\s+actor:u-2/ }).waitFor();
  const [, shown = ""] = /(\d) of 9 events/.exec((await says.textContent()) ?? "") ?? [];
  assert.match(await described(page, "Print report"), new RegExp(`${shown} of 9 events: actor:u-2$`));
  const { name, text } = await saved(page, "Save as evidence");
  await page.locator("#evidence-said", { hasText: `Saved ${shown} events: ${name}.` }).waitFor();
  const frame = frameOf(text);
  assert.deepEqual(
    [frame.query, frame.scope.events, frame.slice.events],
    ["actor:u-2", Number(shown), Number(shown)],
  );
});

test("selection: no event isn't the same as all events", async (t) => {
  const { page } = await verified(t);
  await search(page, "action:no.such");
  await page.locator("#evidence-selection").filter({ hasText: "0 of 9 events: action:no.such" }).waitFor();
  assert.equal(await button(page, "Save as evidence").getAttribute("aria-disabled"), "false");
  const { name, text } = await saved(page, "Save as evidence");
  await page
    .locator("#evidence-said", { hasText: `Saved the answer that nothing was found: ${name}.` })
    .waitFor();
  const { query: asked, scope, slice } = frameOf(text);
  assert.deepEqual(
    [asked, scope.events, scope.examined, slice],
    ["action:no.such", 0, { events: 9, unrecognized: 2 }, null],
  );
  const report = JSON.parse((await saved(page, "Download report")).text);
  assert.deepEqual([report.query, report.scope.events], ["action:no.such", 0]);
  // The message is about the search before.
  await search(page, "actor:u-2");
  await page
    .locator("#evidence-selection")
    .filter({ hasText: /[1-9] of 9 events/ })
    .waitFor();
  assert.equal(((await page.locator("#evidence-said").textContent()) ?? "").trim(), "");
});

test("selection: a search can be saved with all events, so that its readers can repeat it", async (t) => {
  const { page } = await verified(t);
  const contain = page.locator('countersign-evidence input[name="contain"]');
  assert.equal(await contain.count(), 0, "without a search, the file contains all events");
  await search(page, "actor:u-2");
  await contain.waitFor();
  assert.equal(await contain.isChecked(), false);
  assert.match((await page.locator("#evidence-contents").textContent()) ?? "", /must take your word/);
  assert.ok(frameOf((await saved(page, "Save as evidence")).text).slice !== null);
  await page.getByLabel("Include all 9 events, so that readers can check the answer").check();
  const { text } = await saved(page, "Save as evidence");
  assert.equal(frameOf(text).slice, null);
  await page
    .locator("#evidence-said", { hasText: "The file contains all that was searched, 9 events" })
    .waitFor();
  assert.deepEqual(await violations(page), []);
  // Another search begins with the default.
  await search(page, "action:login");
  await page.locator("#evidence-selection").filter({ hasText: "action:login" }).waitFor();
  assert.equal(await contain.isChecked(), false);
});

test("sample: is dropped when the search changes", async (t) => {
  const { page } = await verified(t);
  await unfold(page);
  await page.getByLabel("How many").fill("3");
  await page.getByLabel("Seed").fill("agreed");
  await button(page, "Draw").click();
  await page.locator("#evidence-selection", { hasText: "A sample of 3 events is saved." }).waitFor();
  await search(page, "actor:u-2");
  await page
    .locator("#evidence-said", { hasText: "The search changed, so the sample was dropped." })
    .waitFor();
  await page.locator("#sample").waitFor({ state: "detached" });
  await page
    .locator("#evidence-selection")
    .filter({ hasText: /\d of 9 events:\s+actor:u-2/ })
    .waitFor();
  const { text } = await saved(page, "Save as evidence");
  const frame = frameOf(text);
  assert.equal(frame.scope.sample, null);
});

test("notes: those on unselected events aren't saved", async (t) => {
  const { page } = await verified(t);
  await unfold(page);
  await button(page, "Show the events").click();
  const rows = page.locator("tr[data-entry]");
  await rows.nth(8).waitFor();
  for (const row of await rows.all()) await row.getByRole("checkbox").first().check();
  await search(page, "actor:u-2 action:login");
  const says = page.locator("#evidence-selection");
  await says.filter({ hasText: /\d of 9 events/ }).waitFor();
  const [, shown = ""] = /(\d) of 9 events/.exec((await says.textContent()) ?? "") ?? [];
  assert.ok(Number(shown) > 0 && Number(shown) < 9);
  assert.equal(frameOf((await saved(page, "Save as evidence")).text).papers.length, Number(shown));
  assert.equal(JSON.parse((await saved(page, "Download report")).text).papers.length, Number(shown));
});

test("filters: a value, days, and typed text are conditions of one search", async (t) => {
  const { page } = await verified(t);
  await open(page, "Events");
  await page.locator(".facet[data-column=actor] .chip").first().click();
  await page.getByRole("list", { name: "Filters" }).getByRole("button").waitFor();
  await query(page).click();
  await page.keyboard.type("login");
  await page.keyboard.press("Enter");
  await open(page, "Summary");
  await page
    .locator("#evidence-selection")
    .filter({ hasText: /\d of 9 events:\s+actor:\S+ login/ })
    .waitFor();
  await page.getByRole("tab", { name: /^Events/ }).click();
  assert.deepEqual(await violations(page), []);
});
