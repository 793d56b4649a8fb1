import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { type Browser, launch, open, PAGE, verdict, verifyVector } from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce" });
});
after(() => browser.close());

async function opened(t: TestContext, width: number, height: number, hash = ""): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.setViewportSize({ width, height });
  await page.goto(`${pathToFileURL(PAGE).href}${hash}`);
  return page;
}

/** Returns the distance of an element from the top of the window, in pixels. */
const top = (page: Page, selector: string) =>
  page
    .locator(selector)
    .first()
    .evaluate((element) => element.getBoundingClientRect().top + scrollY);

for (const [width, height] of [
  [1280, 800],
  [390, 844],
] as const) {
  test(`layout: the result comes first, and only rows are below the fold: ${width} × ${height}`, async (t) => {
    const page = await opened(t, width, height);
    await verifyVector(page, vector("large-whole"));
    const bottom = async (selector: string) =>
      page
        .locator(selector)
        .last()
        .evaluate((element) => element.getBoundingClientRect().bottom + scrollY);
    assert.equal(
      (await page.locator("[data-answer=complete] p").textContent())?.trim(),
      "All 301 events of the log so far, 20 November 2026; nothing is missing in between.",
    );
    assert.ok((await top(page, "#verdict-heading")) < height / 3);
    assert.ok((await top(page, ".ask")) < height / 2, "the question");
    // On a phone, the question comes before the three answers.
    if (width > 390) assert.ok((await bottom(".answer")) < height, "the three answers");
    await open(page, "Events");
    await page.locator(".row.event time").first().waitFor();
    // Everything needed to search is visible without scrolling, and so is the first event.
    for (const selector of ["cs-query", "cs-period", "cs-export", "cs-rows .bar", "cs-rows .row.event"])
      assert.ok((await top(page, selector)) < height - 40, selector);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  });
}

test("search: two presses and typing find a person's actions between two dates", async (t) => {
  const page = await opened(t, 1280, 800);
  let presses = 0;
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(page), /^Unchanged, .* but some events may be withheld\.$/);

  await page.getByRole("tab", { name: /^Events/ }).click();
  presses += 1;
  await page.getByRole("combobox", { name: "Search events" }).click();
  presses += 1;
  await page.keyboard.type("actor:ada since:2026-11-02T06:00Z until:2026-11-02T06:30Z");
  await page.keyboard.press("Escape");
  const notice = page.locator('.notice[data-filtered="true"]');
  await notice.getByText(/^Showing [1-9]\d* of 60 events\.$/).waitFor();
  assert.ok(presses <= 2);
});

test("keyboard: the search is one key away, and tabs work as tabs", async (t) => {
  const page = await opened(t, 1280, 800);
  await verifyVector(page, vector("large-whole"));
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press("/");
  await page.getByRole("tab", { name: /^Events/, selected: true }).waitFor();
  await page.waitForFunction(() => {
    const viewer = document.querySelector("countersign-viewer");
    return viewer?.shadowRoot?.activeElement?.matches("input") === true;
  });
  await page.getByRole("tab", { name: /^Events/ }).focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: /^Problems/, selected: true }).waitFor();
  assert.match(page.url(), /#tab=problems$/);
  await page.keyboard.press("End");
  await page.getByRole("tab", { name: "Technical", selected: true }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: "Summary", selected: true }).waitFor();
  assert.equal(await page.getByRole("tabpanel").count(), 1);
});

test("address: a tab has an address", async (t) => {
  const page = await opened(t, 1280, 800, "#tab=coverage");
  await verifyVector(page, vector("large-whole"));
  await page.getByRole("tab", { name: "Coverage", selected: true }).waitFor();
  await page.getByRole("img", { name: /^Coverage of the log/ }).waitFor();
});

test("period: presets and two dates count back from the last event", async (t) => {
  const page = await opened(t, 1280, 800);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await open(page, "Events");
  await page.locator(".row.event time").first().waitFor();
  const period = page.getByRole("combobox", { name: "Time", exact: true });
  await period.selectOption("Last hour");
  await page.locator('.notice[data-filtered="true"]').waitFor();
  const filter = page.getByRole("list", { name: "Filters" }).getByRole("button");
  assert.match((await filter.textContent()) ?? "", /Since: 2026-11-02/);
  await period.selectOption("All time");
  await page.locator('.notice[data-filtered="false"]').waitFor();
  await period.selectOption("Between two dates…");
  await page.getByRole("textbox", { name: "From" }).fill("2026-11-02");
  await page.getByRole("textbox", { name: "To" }).fill("2026-11-02");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("Showing 60 of 60 events.").waitFor();
});

test("rows: omitted entries are one row, and expand on demand", async (t) => {
  const page = await opened(t, 1280, 800);
  await verifyVector(page, vector("large-filter-by-content"));
  await open(page, "Events");
  assert.match(
    (await page.locator("[data-answer=complete] p").textContent()) ?? "",
    /^85 of 313 entries are shown, 75 of them events; the content of 177 events is withheld, and 51 entries are omitted\.$/,
  );
  await page.locator(".row.fold").first().waitFor();
  const rows = async () => Number(await page.getByRole("grid").getAttribute("aria-rowcount"));
  const folded = await rows();
  await page.getByRole("checkbox", { name: "Fold omitted entries" }).uncheck();
  await page.locator(".row.withheld").first().waitFor();
  assert.ok((await rows()) > folded);
  assert.equal(await page.locator(".row.fold").count(), 0);
});

test("sample: the page shows which event was changed by one byte", async (t) => {
  const page = await opened(t, 1280, 800);
  await page.getByRole("button", { name: "Change one byte of it and see" }).click();
  await page.locator(".verdict.tone-bad").waitFor();
  assert.equal(await verdict(page), "Altered.");
  assert.match(
    (await page.locator(".says").textContent()) ?? "",
    /^1 of 60 events was changed after signing\.$/,
  );
  await page.getByRole("button", { name: "Show the first" }).click();
  const changed = page.locator(".around .untrusted");
  await changed.waitFor();
  assert.match((await changed.textContent()) ?? "", /Not what was signed.*"action"/s);
  assert.equal(await page.locator(".around .neighbor").count(), 2);
  await page.locator(".around .neighbor").first().getByRole("button", { name: "Show event" }).click();
  await page.locator("#cs-drawer-heading").waitFor();
});

test("keys: are compared by phone with words, a hash, and a QR code", async (t) => {
  const page = await opened(t, 1280, 800);
  await verifyVector(page, { ...vector("plain-closed"), trust: undefined });
  await open(page, "Signers");
  await page.getByText("Compare by phone").first().click();
  await page.locator(".words li").first().waitFor();
  assert.equal(await page.locator(".words li").count(), 8);
  await page.getByRole("img", { name: "QR code" }).waitFor();
});
