/** The auditor's page in Firefox, from disk and without a network. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Page } from "playwright-core";
import { choose, open, PAGE, PATIENCE, upload, verdict, verifyVector } from "../page/browser.ts";
import { comparable, vector } from "../page/vectors.ts";
import { type Firefox, launch, WITHOUT_FIREFOX } from "./browser.ts";

const ADDRESS = pathToFileURL(PAGE).href;
const { export: LOG, trust: TRUST = "", report: REPORT } = vector("large-whole");
const WHOLE = readFileSync(LOG, "utf8");
/** The log of the vector at its first checkpoint. */
const EARLIER = `${WHOLE.split("\n").slice(0, 82).join("\n")}\n`.replace("[0,313]", "[0,80]");

let firefox: Firefox;
before(async () => {
  if (!WITHOUT_FIREFOX) firefox = await launch("nothing");
});
after(() => firefox?.close());

/** Opens the page on a new device, and asserts that it requests nothing and logs no errors. */
function flow(name: string, run: (page: Page) => Promise<void>): void {
  test(name, { skip: WITHOUT_FIREFOX }, async () => {
    const context = await firefox.browser.newContext({
      viewport: { width: 1200, height: 900 },
      locale: "en-GB",
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const complaints: string[] = [];
    const requested: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("request", (request) => requested.push(request.url()));
    await page.goto(ADDRESS);
    await run(page);
    assert.deepEqual(complaints, []);
    assert.deepEqual([...requested, ...firefox.trap.asked], []);
    await context.close();
  });
}

const grid = (page: Page) => page.getByRole("grid", { name: /rows? of events/i });
const drawer = (page: Page) => page.locator("#cs-drawer-heading");
const query = (page: Page) => page.getByRole("combobox", { name: "Search events" });

flow("Firefox page: shows the verdict of an export with a trust file, compressed or not", async (page) => {
  const bytes = readFileSync(LOG);
  for (const [name, content] of [
    ["export.ndjson", bytes],
    ["export.ndjson.gz", gzipSync(bytes)],
    ["export.ndjson.zst", zstdCompressSync(bytes)],
  ] as const) {
    await page.reload();
    await choose(page, "Choose a file", [upload(name, content), upload("trust.txt", readFileSync(TRUST))]);
    await page.locator(".verdict").waitFor();
    assert.equal(await verdict(page), "Verified.", name);
    await page.getByText("301 events in 5 chains").waitFor();
  }
});

flow("Firefox page: saves the report", async (page) => {
  await verifyVector(page, vector("large-whole"));
  const button = page.getByRole("button", { name: "Download report" });
  const report = await firefox.saved(/^export\..*report\.json$/, () => button.click());
  assert.deepEqual(comparable(JSON.parse(report).report), comparable(REPORT));
});

flow("Firefox page: reports an altered event and leads from the problem to it", async (page) => {
  await verifyVector(page, vector("flip-event"));
  assert.equal(await verdict(page), "Altered.");
  await page.getByRole("heading", { name: "Checks" }).click();
  await page
    .locator('[data-check="payloads"]')
    .getByRole("button", { name: "This event was changed after it was signed" })
    .click();
  await page.locator('[data-code="payload.mismatch"][open]').waitFor();

  await page.reload();
  await verifyVector(page, vector("time-late"));
  await open(page, "Problems");
  await page.getByRole("button", { name: "Show event" }).first().click();
  const line = await page.locator(".finding-place span").first().textContent();
  await drawer(page)
    .filter({ hasText: `Event on ${line}` })
    .waitFor();
});

flow("Firefox page: searches events and proves one step by step", async (page) => {
  const events = WHOLE.split("\n").flatMap((line) =>
    line.includes('"event":') ? [JSON.parse(line).event] : [],
  );
  const logins = events.filter(({ action }) => action === "login").length;
  await verifyVector(page, vector("large-whole"));
  await open(page, "Events");
  const shown = (count: number) => page.getByText(`Showing ${count} of ${events.length} events.`).waitFor();
  await query(page).fill("action:login");
  await shown(logins);
  await page.getByRole("button", { name: "Show all events" }).click();
  await page.locator(".facet[data-column=outcome] .chip", { hasText: "denied" }).click();
  await shown(events.filter(({ outcome }) => outcome === "denied").length);

  await page.getByRole("button", { name: "Show all events" }).click();
  await page.locator(".notice[data-filtered=false]").waitFor();

  const row = grid(page).locator("[role=row]").nth(2);
  await row.scrollIntoViewIfNeeded();
  const before = (await row.boundingBox()) ?? assert.fail("no row");
  await row.click();
  await drawer(page).waitFor();
  const place = (await row.boundingBox()) ?? assert.fail("no row");
  assert.ok(Math.abs(place.y - before.y) < 1, `the row moves by ${place.y - before.y} pixels`);
  const prove = page.getByRole("button", { name: "Show the proof" });
  // Firefox moves the drawer only after it scrolled, and a press in between would miss the button.
  await prove.scrollIntoViewIfNeeded();
  await prove.click();
  const steps = page.locator("cs-proof .steps > li");
  await steps.filter({ hasText: "The log’s signature" }).waitFor();
  assert.equal(await steps.filter({ hasText: /\bPass\b/ }).count(), await steps.count());
});

flow("Firefox page: works by keyboard alone", async (page) => {
  await verifyVector(page, vector("large-whole"));
  await open(page, "Events");
  await grid(page).focus();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await drawer(page).waitFor();
  const first = (await drawer(page).textContent()) ?? "";
  await page.keyboard.press("j");
  await drawer(page).filter({ hasNotText: first }).waitFor();
  await page.keyboard.press("Escape");
  await drawer(page).waitFor({ state: "hidden" });
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts and search" });
  await help.waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  await page.keyboard.press("/");
  await page.keyboard.type("j?/k");
  assert.equal(await query(page).inputValue(), "j?/k");
});

flow("Firefox page: reports a log that was cut back", async (page) => {
  for (const [content, expected] of [
    [WHOLE, "Verified."],
    [EARLIER, "This ends before a state of the log that was seen before."],
  ] as const) {
    await page.reload();
    await choose(page, "Choose a trust file", TRUST);
    await choose(page, "Choose a file", upload("export.ndjson", content));
    await page.locator(".verdict").waitFor();
    assert.equal(await verdict(page), expected);
  }
  assert.equal(await page.locator(".seen").getAttribute("data-seen"), "smaller");
});

flow("Firefox page: compares two exports", async (page) => {
  await choose(page, "Choose a file", [
    upload("whole.ndjson", WHOLE),
    upload("trust.txt", readFileSync(TRUST)),
  ]);
  await page.locator(".verdict").waitFor();
  await choose(page, "Compare with another file", vector("large-filter-by-content").export);
  await page.locator('[data-agree="same-state"]').waitFor();
  await page.locator(".compare [data-hidden=withheld]").first().getByRole("button", { name: "Show" }).click();
  await drawer(page)
    .filter({ hasText: /Event on line/ })
    .waitFor();
});

flow("Firefox page: German on a narrow screen", async (page) => {
  await page.setViewportSize({ width: 320, height: 800 });
  const fits = () =>
    page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth <= clientWidth;
    });
  assert.ok(await fits());
  await verifyVector(page, vector("flip-event"));
  await page.getByRole("button", { name: "Deutsch" }).click();
  assert.equal(await verdict(page), "Verändert.");
  await open(page, "Ereignisse");
  await page.locator("countersign-viewer").getByText("Spalten").first().waitFor();
  assert.ok(await fits());
  await page.locator(".row.event").first().click();
  await drawer(page).waitFor();
  const { x = -1, width = 0 } = (await page.getByRole("dialog").boundingBox()) ?? {};
  assert.ok(x >= 0 && x + width <= 320, "it leaves room for scroll bars");
});

test("Firefox page: can't request anything", {
  skip: WITHOUT_FIREFOX,
}, async () => {
  const context = await firefox.browser.newContext();
  const page = await context.newPage();
  const ask = () =>
    page.evaluate(() =>
      fetch("http://127.0.0.1:8000/asked").then(
        ({ status }) => status,
        () => "refused",
      ),
    );
  await page.goto(ADDRESS);
  assert.equal(await ask(), "refused");
  assert.deepEqual(firefox.trap.asked, []);
  await page.goto("about:blank");
  await ask();
  assert.deepEqual(firefox.trap.asked.splice(0), ["http://127.0.0.1:8000/asked"]);
  await context.close();
});
