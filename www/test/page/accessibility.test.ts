/**
 * Use by keyboard, screen reader, small screen, and with reduced motion. That axe finds nothing in any state
 * is tested in the gallery.
 */

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch, open, serve, unfold, verdict, verifyVector } from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  browser = await launch({ reducedMotion: "reduce" });
  server = await serve();
});
after(async () => {
  await browser.close();
  await server.close();
});

async function opened(t: TestContext, width = 1200): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width, height: 800 });
  await page.goto(server.address);
  return page;
}

test("layout: fits into 320 pixels without cutting anything off", async (t) => {
  const page = await opened(t, 320);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  assert.ok(await fits());
  for (const name of ["flip-event", "large-whole", "unicode-names"]) {
    await page.reload();
    await verifyVector(page, vector(name));
    for (const tab of ["Summary", "Problems", "Detections", "Signers", "Coverage", "Technical", "Events"]) {
      await open(page, tab);
      assert.ok(await fits(), `${name}: ${tab}`);
    }
    assert.deepEqual(await violations(page), [], name);
  }
  await page.locator(".row.event").first().click();
  await page.locator("#cs-drawer-heading").waitFor();
  assert.ok(await fits(), "details");
  assert.ok(await page.locator(".drawer").evaluate((details) => details.scrollWidth <= window.innerWidth));
});

/** Presses Tab until an element of this name has the focus. Every stop on the way must show its focus. */
async function tabTo(page: Page, role: string, name: RegExp): Promise<void> {
  const wanted = page.getByRole(role as "button", { name });
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      let { activeElement } = document;
      while (activeElement?.shadowRoot?.activeElement) activeElement = activeElement.shadowRoot.activeElement;
      if (!activeElement || activeElement === document.body) return undefined;
      // The container of a field may be marked instead.
      const isMarked = (element: Element) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return outlineStyle !== "none" && outlineWidth !== "0px";
      };
      const around = activeElement.closest(":focus-within:not(:focus)");
      return {
        html: activeElement.outerHTML.slice(0, 120),
        isSeen:
          isMarked(activeElement) ||
          (activeElement.parentElement !== null && isMarked(activeElement.parentElement)) ||
          (around !== null && isMarked(around)),
      };
    });
    if (stop === undefined) continue;
    assert.ok(stop.isSeen, `the focus is not seen on ${stop.html}`);
    if (await wanted.evaluateAll((elements) => elements.some((element) => element.matches(":focus")))) return;
  }
  assert.fail(`Tab never came to ${role} ${name}`);
}

test("keyboard: operates everything", async (t) => {
  const page = await opened(t);
  await tabTo(page, "button", /^Try the sample$/);
  await page.keyboard.press("Enter");
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(page), /but some events may be withheld\.$/);

  await tabTo(page, "tab", /^Summary/);
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: /^Events/, selected: true }).waitFor();
  await tabTo(page, "grid", /rows? of events/i);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const heading = page.locator("#cs-drawer-heading");
  await heading.waitFor();
  const third = (await heading.textContent()) ?? "";
  await page.keyboard.press("j");
  await heading.filter({ hasNotText: third }).waitFor();
  await page.keyboard.press("Escape");
  await heading.waitFor({ state: "hidden" });

  await tabTo(page, "tab", /^Events/);
  await page.keyboard.press("Home");
  await tabTo(page, "button", /^Download report$/);
  const download = page.waitForEvent("download");
  await page.keyboard.press("Space");
  await download;

  await page.reload();
  await verifyVector(page, { ...vector("plain-closed"), trust: undefined });
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await tabTo(page, "tab", /^Summary/);
  for (let press = 0; press < 4; press += 1) await page.keyboard.press("ArrowRight");
  await tabTo(page, "button", /^Trust for this session…/);
  await page.keyboard.press("Enter");
  await tabTo(page, "button", /^Trust for this session$/);
  await page.keyboard.press("Enter");
  await page.locator(".verdict.tone-good").waitFor();
});

test("screen reader: announces the verdict and finds the parts of the page", async (t) => {
  const page = await opened(t);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict").waitFor();
  const status = page
    .getByRole("status")
    .filter({ hasText: "Verdict: Unchanged, and no entry of the range is missing" });
  assert.equal(await status.count(), 1);
  const regions = async (...names: string[]) => {
    for (const name of names)
      assert.equal(await page.getByRole("region", { name, exact: true }).count(), 1, name);
  };
  await regions("What is checked", await verdict(page), "Checks", "Save and share");
  for (const [tab, region] of [
    ["Coverage", "Coverage"],
    ["Problems", "Problems"],
    ["Detections", "Findings"],
    ["Signers", "Signers"],
    ["Events", "Events"],
  ] as const) {
    await open(page, tab);
    await regions(region);
  }
  await unfold(page);
  await regions("File to check", "Keys you trust");
  const levels = await page
    .getByRole("heading")
    .evaluateAll((all) => all.map(({ tagName }) => Number(tagName.slice(1))));
  assert.equal(levels[0], 1);
  assert.ok(
    levels.every((level, place) => place === 0 || level <= (levels[place - 1] ?? 0) + 1),
    levels.join(),
  );
});

test("reduced motion: nothing moves", async (t) => {
  const page = await opened(t);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await open(page, "Events");
  await page.locator(".row.event time").first().waitFor();
  await page.locator(".row.event").first().click();
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

test("forced colors: one tab looks selected", async (t) => {
  const page = await opened(t);
  await page.emulateMedia({ forcedColors: "active" });
  await page.getByRole("button", { name: "Try the sample" }).click();
  await open(page, "Problems");
  const looks = (tab: string) =>
    page.locator(tab).evaluateAll((all) => all.map((one) => getComputedStyle(one).borderBottomColor));
  const [chosen] = await looks("[role=tab][aria-selected=true]");
  const others = await looks("[role=tab][aria-selected=false]");
  assert.equal(others.length, 6);
  assert.ok(!others.includes(chosen ?? ""), `${chosen}, beside ${others}`);
});
