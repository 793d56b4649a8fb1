/**
 * Use by keyboard, screen reader, small screen, dark colors, and right-to-left writing. That axe finds nothing in any
 * state is tested in the gallery (`www/test/gallery`).
 */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../axe.ts";
import { sampleOf } from "./sample.ts";
import { Site } from "./site.ts";

const { text, trust, altered } = await sampleOf(120);
const site = await Site.start();
after(() => site.stop());
site.answers.set("/log.ndjson", text);
site.answers.set("/altered.ndjson", altered);
site.answers.set("/trust.txt", trust);

const of = (src: string, more = "") =>
  `<countersign-viewer src="${src}" trust="/trust.txt" ${more}></countersign-viewer>`;
const verified = async (page: Page) => {
  await page.locator("[data-verdict]").waitFor();
  await page.locator("cs-rows [role=row] time").first().waitFor();
};

/** Returns what is focused within the element. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const active = document.activeElement?.shadowRoot?.activeElement;
    return active?.getAttribute("aria-label") ?? active?.textContent?.replace(/\s+/g, " ").trim() ?? "";
  });

test("keyboard: reaches and operates every part", async () => {
  const { page, close } = await site.open(of("/log.ndjson"));
  await verified(page);
  const reached: string[] = [];
  for (let presses = 0; presses < 60 && !reached.some((name) => name.includes("rows of events")); presses += 1) {
    await page.keyboard.press("Tab");
    reached.push(await focused(page));
  }
  const order = [
    "Checks and problems",
    "Search events",
    "Log order",
    "UTC",
    "Export",
    "Help",
    "Success",
    "Show as a table",
    "Columns",
    "rows of events",
  ];
  const places = order.map((name) => reached.findIndex((one) => one.includes(name)));
  assert.ok(!places.includes(-1), `${order[places.indexOf(-1)]} is not reached: ${reached.join(" | ")}`);
  assert.deepEqual(
    places,
    places.toSorted((one, other) => one - other),
  );

  // From the rows to an event and back, through the search and the help.
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  const heading = page.getByRole("heading", { name: /Event on line/ });
  await heading.waitFor();
  await page.keyboard.press("Escape");
  await heading.waitFor({ state: "detached" });
  assert.match(await focused(page), /rows of events/);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts and search" });
  await help.waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  await page.keyboard.press("/");
  assert.equal(await focused(page), "Search events");
  // Letters typed into a field are no shortcuts.
  await page.keyboard.type("j?/k");
  assert.equal(await page.getByRole("combobox", { name: "Search events" }).inputValue(), "j?/k");
  await close();
});

test("accessibility tree: names every part", async () => {
  const { page, close } = await site.open(of("/log.ndjson", "bare"));
  await page.locator("cs-rows [role=row] time").first().waitFor();
  const tree = await page.locator("countersign-viewer").ariaSnapshot();
  for (const part of [
    /- search:\s+- combobox "Search events"/,
    /- combobox "Order":\s+- option "Log order" \[selected\]/,
    /- combobox "Time zone":\s+- option "UTC" \[selected\]/,
    /- button "Export"/,
    /- toolbar "Most frequent values":\s+- group "Outcome":\s+- button "Success \d+"/,
    /- region "Events over time":[\s\S]*120 events from 2026-11-02 .*Z to 2026-11-04 .*Z/,
    /- status: 120 events/,
    /grid "120 rows of events/,
    /- row .*\[selected\]/,
  ]) {
    assert.match(tree, part);
  }
  await page.locator("[part~=chip]").first().click();
  await page.locator(".notice[data-filtered=true]").waitFor();
  assert.match(
    await page.locator("countersign-viewer").ariaSnapshot(),
    /- status:\s+- strong: "?Showing \d+ of 120 events\./,
  );
  await close();
});

test("screen reader: announces the verdict", async () => {
  const { page, close } = await site.open(of("/altered.ndjson"));
  await verified(page);
  await page
    .getByRole("status")
    .filter({
      hasText: /Verdict: Altered\. 1 of \d+ events was changed after signing\. 1 error listed\./,
    })
    .waitFor();
  await close();
});

for (const width of [320, 480, 768, 1200]) {
  test(`layout: nothing is wider than ${width} pixels`, async () => {
    const { page, close } = await site.open(of("/altered.ndjson"), { viewport: { width, height: 800 } });
    await verified(page);
    await page.locator(".strip-more > summary").click();
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(await overflow(), 0);
    await page.locator("cs-rows [role=row]").nth(2).click();
    await page.getByRole("heading", { name: /Event on line/ }).waitFor();
    assert.equal(await overflow(), 0);
    await close();
  });
}

test("layout: facets are behind a button if they have no room beside the rows", async () => {
  const { page, close } = await site.open(of("/log.ndjson"), { viewport: { width: 800, height: 700 } });
  await verified(page);
  const facets = page.locator("#facets");
  const button = page.getByRole("button", { name: "Filter" });
  assert.equal(await facets.isVisible(), false);
  assert.equal(await button.getAttribute("aria-expanded"), "false");
  const full = await page.locator(".scroller").evaluate((list) => {
    const head = list.querySelector(".head")?.getBoundingClientRect().bottom ?? 0;
    const end = Math.min(window.innerHeight, list.getBoundingClientRect().bottom);
    const boxes = [...list.querySelectorAll(".row")].map((row) => row.getBoundingClientRect());
    return boxes.filter(({ top, bottom }) => top >= head - 1 && bottom <= end + 1).length;
  });
  assert.ok(full >= 6, `${full} rows`);
  await button.press("Enter");
  await facets.waitFor();
  assert.equal(await button.getAttribute("aria-expanded"), "true");
  assert.deepEqual(await violations(page), []);
  await page.setViewportSize({ width: 1280, height: 700 });
  await button.waitFor({ state: "hidden" });
  assert.equal(await facets.isVisible(), true);
  await close();
});

test("right to left: mirrors the layout and keeps times as they are", async () => {
  const { page, close } = await site.open(of("/log.ndjson", 'dir="rtl"'), { viewport: { width: 900, height: 800 } });
  await verified(page);
  const box = async (selector: string) => (await page.locator(selector).first().boundingBox()) ?? assert.fail();
  assert.ok((await box(".strip > .icon")).x > (await box(".strip-body")).x);
  assert.ok((await box(".query-field > .icon")).x > (await box(".query-key")).x);
  await page.getByRole("button", { name: "Filter" }).click();
  assert.ok((await box(".facet-name")).x > (await box(".facet-values")).x);
  const time = page.locator("cs-rows [role=row] time").first();
  assert.equal(await time.evaluate((element) => getComputedStyle(element).direction), "ltr");
  await close();
});

test("theme: follows the preference or the attribute", async () => {
  const paper = (page: Page) =>
    page.locator(".strip").evaluate((strip) => getComputedStyle(strip.querySelector("h2") ?? strip).color);
  const seen = new Map<string, string>();
  for (const [name, scheme, more] of [
    ["light", "light", ""],
    ["dark", "dark", ""],
    ["light by attribute", "dark", 'theme="light"'],
    ["dark by attribute", "light", 'theme="dark"'],
  ] as const) {
    const { page, close } = await site.open(of("/log.ndjson", more), { colorScheme: scheme });
    await verified(page);
    seen.set(name, await paper(page));
    await close();
  }
  assert.notEqual(seen.get("light"), seen.get("dark"));
  assert.equal(seen.get("light by attribute"), seen.get("light"));
  assert.equal(seen.get("dark by attribute"), seen.get("dark"));
});

test("reduced motion: nothing moves", async () => {
  const { page, close } = await site.open(of("/log.ndjson"), {
    reducedMotion: "reduce",
    viewport: { width: 600, height: 800 },
  });
  await verified(page);
  await page.locator("cs-rows [role=row]").nth(2).click();
  await page.getByRole("heading", { name: /Event on line/ }).waitFor();
  const running = await page.evaluate(() => {
    const root = document.querySelector("countersign-viewer")?.shadowRoot;
    return (root?.getAnimations() ?? []).map(({ id, playState }) => [id, playState]);
  });
  assert.deepEqual(running, []);
  await close();
});
