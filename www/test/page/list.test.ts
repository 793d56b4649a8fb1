import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";
import { type Browser, launch } from "./browser.ts";

const ROWS = 1_000_000;
const ROW = 40;

let browser: Browser;
let page: Page;
before(async () => {
  browser = await launch({ viewport: { width: 1200, height: 900 } });
  page = await browser.context.newPage();
  await page.setContent("<!doctype html><title>List</title>");
  await page.addStyleTag({ content: readFileSync(new URL("../../src/style.css", import.meta.url), "utf8") });
  await page.addScriptTag({ content: await bundled() });
  await page.locator(".row time").first().waitFor();
});
after(() => browser.close());

async function bundled(): Promise<string> {
  const entry = fileURLToPath(new URL("million.ts", import.meta.url));
  const result = await build({
    configFile: false,
    logLevel: "warn",
    build: { write: false, minify: false, lib: { entry, formats: ["iife"], name: "million" } },
  });
  const [script] = [result].flat().flatMap((bundle) => ("output" in bundle ? bundle.output : []));
  assert.equal(script?.type, "chunk");
  return script?.type === "chunk" ? script.code : "";
}

interface Seen {
  /** The first row whose beginning is in view, from 0, and how far below the list's upper edge it begins. */
  first: number;
  offset: number;
  drawn: number;
}

/** What is in view, once all of it is read and drawn. */
async function seen(): Promise<Seen> {
  return (await page
    .waitForFunction(() => {
      const grid = document.querySelector(".grid") as HTMLElement;
      const edge = grid.getBoundingClientRect().top + grid.clientTop;
      const rows = [...grid.querySelectorAll(".row")].map((row) => ({
        index: Number(row.getAttribute("aria-rowindex")) - 1,
        top: row.getBoundingClientRect().top - edge,
        bottom: row.getBoundingClientRect().bottom - edge,
        ready: row.querySelector("time") !== null,
      }));
      const inView = rows.filter(({ top, bottom }) => bottom > 0 && top < grid.clientHeight);
      const [above, below] = [inView[0], inView.at(-1)];
      if (!above || !below || inView.some(({ ready }) => !ready)) return null;
      if (above.top > 0 || below.bottom < grid.clientHeight) return null;
      const whole = inView.find(({ top }) => top >= -0.5);
      return whole && { first: whole.index, offset: whole.top, drawn: rows.length };
    })
    .then((handle) => handle.jsonValue())) as Seen;
}

async function wheel(by: number): Promise<void> {
  const before = await page.locator(".grid").evaluate((grid) => grid.scrollTop);
  await page.mouse.wheel(0, by);
  await page.waitForFunction((before) => document.querySelector(".grid")?.scrollTop !== before, before);
  await rest();
}

/** Until the scroller has come to rest and been put where the list is. */
async function rest(): Promise<void> {
  await page.evaluate(async () => {
    const grid = document.querySelector(".grid") as HTMLElement;
    for (let still = 0, last = -1; still < 30; still += 1) {
      if (grid.scrollTop !== last) still = 0;
      last = grid.scrollTop;
      await new Promise(requestAnimationFrame);
    }
  });
}

test("a million rows are in the list and a few in the document", async () => {
  assert.equal(await page.locator(".grid").getAttribute("aria-rowcount"), String(ROWS));
  const { first, drawn } = await seen();
  assert.equal(first, 0);
  assert.ok(drawn < 60, `${drawn} rows`);
  assert.ok((await page.locator("*").count()) < 1500);
});

test("the list is no higher than browsers allow", async () => {
  const height = await page.locator(".grid").evaluate((grid) => grid.scrollHeight);
  assert.ok(height < 10_000_000, `${height} pixels`);
  assert.ok(ROWS * ROW > 33_554_432);
});

test("End and Home reach the last and the first event", async () => {
  await page.locator(".grid").focus();
  await page.keyboard.press("End");
  await page.locator(`.row.current[aria-rowindex="${ROWS}"] time`).waitFor();
  const bottom = await page.evaluate(() => {
    const grid = document.querySelector(".grid") as HTMLElement;
    const row = document.querySelector(".row.current") as HTMLElement;
    return grid.getBoundingClientRect().bottom - row.getBoundingClientRect().bottom;
  });
  assert.ok(bottom >= 0 && bottom < ROW, `${bottom} pixels`);
  assert.match((await page.locator(".row.current").textContent()) ?? "", /u_999999/);
  await page.keyboard.press("Home");
  await page.locator('.row.current[aria-rowindex="1"] time').waitFor();
  assert.equal((await seen()).first, 0);
});

for (const place of ["the beginning", "the middle", "the end"] as const) {
  test(`a wheel moves as far as it says at ${place}`, async () => {
    const at = { "the beginning": 0, "the middle": 0.5, "the end": 1 }[place];
    await page.locator(".grid").evaluate((grid, at) => {
      grid.scrollTop = at * grid.scrollHeight;
    }, at);
    await rest();
    const before = await seen();
    if (at === 0.5) assert.ok(Math.abs(before.first - ROWS / 2) < ROWS / 100, `row ${before.first}`);
    await page.locator(".grid").hover();
    const way = at === 1 ? -1 : 1;
    for (let turns = 1; turns <= 5; turns += 1) {
      await wheel(way * 3 * ROW);
      const now = await seen();
      assert.equal(now.first, before.first + way * 3 * turns);
      assert.ok(Math.abs(now.offset - before.offset) <= 1, `${now.offset} instead of ${before.offset}`);
    }
  });
}

test("the scroll bar reaches every part, and the end is the last event", async () => {
  for (const part of [0.1, 0.37, 0.62, 0.9]) {
    await page.locator(".grid").evaluate((grid, part) => {
      grid.scrollTop = part * grid.scrollHeight;
    }, part);
    await rest();
    const { first, drawn } = await seen();
    assert.ok(first > 0 && first < ROWS);
    assert.ok(drawn < 60);
  }
  await page.locator(".grid").evaluate((grid) => {
    grid.scrollTop = grid.scrollHeight;
  });
  await rest();
  await page.locator(`.row[aria-rowindex="${ROWS}"] time`).waitFor();
});

test("the arrow keys go on from the current event, wherever one has scrolled", async () => {
  await page.locator(".grid").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.locator(".grid").evaluate((grid) => {
    grid.scrollTop = grid.scrollHeight / 2;
  });
  await rest();
  assert.equal(await page.locator(".row.current").count(), 0);
  assert.equal(await page.locator(".grid").getAttribute("aria-activedescendant"), null);
  await page.keyboard.press("ArrowDown");
  await page.locator('.row.current[aria-rowindex="3"]').waitFor();
  assert.equal(await page.locator(".grid").getAttribute("aria-activedescendant"), "event-2");
});
