/** Rows of events: how many fit, their order, and their times. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, choose, launch, open, serve, upload } from "./browser.ts";
import { recorded } from "./record.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  browser = await launch();
  server = await serve();
});
after(async () => {
  await browser.close();
  await server.close();
});

const PEOPLE = [
  ["u_3", "ben"],
  ["u_1", "Ada"],
  ["u_2", "Cem"],
] as const;
const EVENTS = Array.from({ length: 60 }, (_, nth) => {
  const [id, name] = PEOPLE[nth % PEOPLE.length] ?? ["", ""];
  return JSON.stringify({
    action: "job.read",
    actor: { id, name },
    ...(nth % 2 === 0 && { occurred_at: `2026-01-02T03:04:${String(nth).padStart(2, "0")}.000Z` }),
  });
});

async function listed(size: { width: number; height: number }): Promise<Page> {
  const { exported, trust } = await recorded(EVENTS);
  const page = await browser.context.newPage();
  await page.setViewportSize(size);
  await page.goto(server.address);
  await choose(page, "Choose a trust file", upload("trust.txt", trust));
  await choose(page, "Choose a file", upload("export.ndjson", exported));
  await page.locator(".verdict").waitFor();
  await open(page, "Events");
  await page.locator(".row.event time").first().waitFor();
  return page;
}

/** Returns the number of rows that are entirely in the window and in the list. */
const fullRows = (page: Page) =>
  page.locator(".scroller").evaluate((list) => {
    const head = list.querySelector(".head")?.getBoundingClientRect().bottom ?? 0;
    const end = Math.min(window.innerHeight, list.getBoundingClientRect().bottom);
    const boxes = [...list.querySelectorAll(".row")].map((row) => row.getBoundingClientRect());
    return boxes.filter(({ top, bottom }) => top >= head - 1 && bottom <= end + 1).length;
  });

test("rows: at least twelve are in view at 1280 by 800, and the verdict is one line", async () => {
  const page = await listed({ width: 1280, height: 800 });
  await page.waitForFunction(() => document.fonts.status === "loaded");
  const count = await fullRows(page);
  assert.ok(count >= 12, `${count} rows`);
  assert.match((await page.locator(".inputs .verdict").textContent()) ?? "", /Verified\./);
  assert.equal(await page.locator(".verdict").count(), 1);
  await open(page, "Summary");
  await page.locator(".result .verdict").waitFor();
  assert.equal(await page.locator(".verdict").count(), 1);
  await page.close();
});

test("headers: sort by pointer and keyboard, and say the direction", async () => {
  const page = await listed({ width: 1280, height: 800 });
  const header = page.getByRole("columnheader", { name: "Actor" });
  const actors = () =>
    page
      .locator(".row.event .cell-actor .named > bdi")
      .evaluateAll((all) => all.map((one) => one.textContent));
  const sorted = async (direction: string, first: string) => {
    await page.waitForFunction(
      ([direction, first]) => {
        const root = document.querySelector("countersign-viewer")?.shadowRoot;
        const header = [...(root?.querySelectorAll("[role=columnheader]") ?? [])].find((one) =>
          one.classList.contains("cell-actor"),
        );
        const actor = root?.querySelector(".row.event .cell-actor .named > bdi")?.textContent;
        return header?.getAttribute("aria-sort") === direction && actor === first;
      },
      [direction, first] as const,
    );
  };
  assert.equal(await header.getAttribute("aria-sort"), "none");
  await header.getByRole("button").click();
  await sorted("ascending", "Ada");
  assert.deepEqual(new Set((await actors()).slice(0, 12)), new Set(["Ada"]));
  assert.match(page.url(), /#/);
  await header.getByRole("button").focus();
  await page.keyboard.press("Enter");
  await sorted("descending", "Cem");
  // Letter case decides nothing.
  await page.getByRole("grid").focus();
  await page.keyboard.press("End");
  await page.locator(".row.event .cell-actor .named > bdi", { hasText: "Ada" }).first().waitFor();
  await header.getByRole("button").click();
  await sorted("none", "ben");
  assert.deepEqual(await violations(page), []);
  await page.close();
});

test("times: those of the recorder are marked among the events’ own", async () => {
  const page = await listed({ width: 1280, height: 800 });
  const marks = page.locator(".row.event .time-mark");
  const [rows, marked] = [await page.locator(".row.event").count(), await marks.count()];
  assert.ok(marked > 0 && marked < rows, `${marked} of ${rows}`);
  assert.match((await marks.first().textContent()) ?? "", /the event states none/);
  await page.locator(".row.event").nth(0).click();
  await page.locator(".when", { hasText: "At 2026-01-02 03:04:00.000Z, as the event states:" }).waitFor();
  assert.match(await page.locator("#cs-drawer-heading").innerText(), /^job\.read\s+Event on line/);
  await page.keyboard.press("j");
  await page.locator(".when", { hasText: /^Recorded at / }).waitFor();
  await page.close();
});

test("details: open in view and fill the window", async () => {
  const page = await listed({ width: 1280, height: 800 });
  const row = page.locator(".row.event").nth(8);
  const top = async () => (await row.boundingBox())?.y ?? assert.fail("no row");
  const before = await top();
  await row.click();
  const drawer = page.locator("dialog.drawer");
  await drawer.waitFor();
  assert.ok(Math.abs((await top()) - before) < 1, "the rows stay where they are");
  const box = (await drawer.boundingBox()) ?? assert.fail("no details");
  assert.ok(box.y >= 0 && box.y < 200, `begins at ${box.y}`);
  assert.ok(box.y + box.height <= 800 && box.y + box.height >= 780, `ends at ${box.y + box.height}`);
  await page.close();
});
