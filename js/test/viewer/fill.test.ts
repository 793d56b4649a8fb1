/** The element in a box of fixed height. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { sampleOf } from "./sample.ts";
import { Site } from "./site.ts";

const { text, trust } = await sampleOf(400);
const site = await Site.start();
after(() => site.stop());
site.answers.set("/log.ndjson", text);
site.answers.set("/trust.txt", trust);

const SRC = `<countersign-viewer fill src="/log.ndjson" trust="/trust.txt"></countersign-viewer>`;

/** Sets the element's height. */
function resize(page: Page, height: number): Promise<void> {
  return page.locator("countersign-viewer").evaluate((viewer, height) => {
    viewer.style.height = `${height}px`;
  }, height);
}

/** Returns the heights of the element and its content, and the room between its lower edge and that of a part. */
function layout(page: Page, part: string): Promise<{ height: number; content: number; below: number }> {
  return page.locator("countersign-viewer").evaluate((viewer, part) => {
    const bottom = (element: Element | null | undefined) => element?.getBoundingClientRect().bottom ?? Number.NaN;
    const below = bottom(viewer) - bottom(viewer.shadowRoot?.querySelector(part));
    return { height: viewer.clientHeight, content: viewer.scrollHeight, below };
  }, part);
}

/** Asserts that a part reaches to the padding of the element, and that the element doesn't scroll. */
async function assertFilled(page: Page, part: string): Promise<void> {
  const { height, content, below } = await layout(page, part);
  assert.equal(height, 640);
  assert.equal(content, height, part);
  assert.ok(below > 0 && below < 32, `${part}: ${below}px are left below`);
}

test("fill: list and details share the element's height", async () => {
  const { page, close } = await site.open(SRC);
  await resize(page, 640);
  for (const width of [1300, 900]) {
    await page.setViewportSize({ width, height: 900 });
    await page.locator("cs-rows [role=row]").nth(5).waitFor();
    await assertFilled(page, ".scroller");
  }
  await page.setViewportSize({ width: 1300, height: 900 });
  await page.locator("cs-rows [role=row]").nth(3).click();
  await page.locator("cs-drawer dialog[open]").waitFor();
  await assertFilled(page, ".scroller");
  await assertFilled(page, "cs-drawer");
  await close();
});

test("fill: the element scrolls if it is too low for the list", async () => {
  const { page, close } = await site.open(SRC);
  await resize(page, 260);
  await page.setViewportSize({ width: 400, height: 900 });
  await page.locator("cs-rows [role=row]").nth(1).waitFor();
  const { height, content } = await layout(page, ".scroller");
  assert.ok(content > height, `${content} of ${height}`);
  const box = await page.locator("cs-rows .scroller").boundingBox();
  assert.ok(box !== null && box.height > 150);
  await close();
});

for (const lang of ["en", "de"]) {
  test(`fill: a phone shows the verdict, the search, and four events at once, in ${lang}`, async () => {
    const { page, close } = await site.open(SRC.replace("<countersign-viewer", `<countersign-viewer lang="${lang}"`), {
      viewport: { width: 360, height: 740 },
    });
    const viewer = page.locator("countersign-viewer");
    await resize(page, 740);
    await page.locator("cs-rows .row.event").nth(3).waitFor();
    await page.locator(".strip:is([data-verdict=verified], [data-verdict=partial])").waitFor();
    const bottom = async () =>
      viewer.evaluate((viewer) => {
        const events = [...(viewer.shadowRoot?.querySelectorAll("cs-rows .row.event") ?? [])];
        return (events[3]?.getBoundingClientRect().bottom ?? Number.NaN) - viewer.getBoundingClientRect().top;
      });
    assert.ok((await bottom()) <= 740, `${await bottom()}`);
    const strip = await page.locator(".strip").boundingBox();
    assert.ok(strip !== null && strip.height <= 190, `${strip?.height}`);
    // Everything else is one press away.
    const says = page.locator(".strip-says");
    const isClamped = () => says.evaluate(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight);
    await page.locator(".strip-more > summary").click();
    assert.equal(await isClamped(), false);
    await page.locator(".strip-more > summary").click();
    assert.equal(await page.locator(".tools select").first().isVisible(), false);
    await page.locator(".facets-toggle").click();
    await page.locator(".tools select").first().waitFor();
    await page.locator("cs-histogram .plot").waitFor();
    await close();
  });
}

test("tools: the menu for exports stays in the window", async () => {
  const { page, close } = await site.open(SRC.replace("<countersign-viewer", '<countersign-viewer lang="de"'));
  await page.getByRole("button", { name: "Exportieren" }).waitFor();
  for (const width of [1440, 1140, 1024, 700, 360]) {
    await page.setViewportSize({ width, height: 900 });
    await page.getByRole("button", { name: "Exportieren" }).click();
    const box = await page.locator("#export-choices").boundingBox();
    assert.ok(box !== null && box.x >= 0 && box.x + box.width <= width, `${width}: ${JSON.stringify(box)}`);
    await page.keyboard.press("Escape");
  }
  await close();
});
