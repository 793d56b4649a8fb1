/** The page while it works: rows before the verdict, an error that withdraws them, and the index after the verdict. */

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, choose, launch, lengthy, open, PATIENCE, serve, upload } from "./browser.ts";
import { recorded } from "./record.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  browser = await launch({ viewport: { width: 1280, height: 800 } });
  server = await serve();
});
after(async () => {
  await browser.close();
  await server.close();
});

async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(server.address);
  return page;
}

const events = (count: number, more = "") =>
  Array.from({ length: count }, (_, nth) =>
    JSON.stringify({
      action: nth % 2 === 0 ? "job.read" : "job.delete",
      actor: { id: `u_${nth % 7}` },
      more,
    }),
  );

test("rows before the verdict: are marked as not final, can be searched, and aren't saved", {
  timeout: 2 * PATIENCE,
}, async (t) => {
  const page = await opened(t);
  const { exported, trust } = await recorded(events(60));
  await choose(page, "Choose a trust file", upload("trust.txt", trust));
  await choose(page, "Choose a file", lengthy(exported));
  await page.locator(".row.event").first().waitFor();
  await page.locator(".early", { hasText: "not final" }).waitFor();
  const notice = page.locator(".notice");
  await notice.getByText("there is no verdict yet").waitFor();
  await notice.getByText("so far").waitFor();
  await page.getByRole("progressbar").waitFor();
  assert.equal(await page.locator(".verdict").count(), 0);
  assert.equal(await page.getByRole("tab").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Export" }).getAttribute("aria-disabled"), "true");
  assert.deepEqual(await violations(page), []);

  await page.getByRole("combobox", { name: "Search events" }).fill("action:job.delete");
  await page.keyboard.press("Enter");
  await notice.getByText("Showing 30 of 60 events.").waitFor();
  await page.locator(".early", { hasText: "not final" }).waitFor();

  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("heading", { name: "Canceled" }).waitFor();
  assert.equal(await page.locator(".row.event").count(), 0);
});

test("rows before the verdict: an error withdraws them", { timeout: 2 * PATIENCE }, async (t) => {
  const page = await opened(t);
  const [{ exported, trust }, other] = [await recorded(events(60)), await recorded(events(1, "true"))];
  const altered = other.exported
    .slice(other.exported.indexOf("\n") + 1)
    .replace('"more":"true"', '"more":"fake"');
  await choose(page, "Choose a trust file", upload("trust.txt", trust));
  await choose(page, "Choose a file", lengthy(exported, altered));
  await page.locator(".row.event").first().waitFor();
  await page.locator(".withdrawn", { hasText: "The rows shown before are withdrawn." }).waitFor();
  assert.equal(await page.locator(".withdrawn").getAttribute("role"), "alert");
  await page.locator(".first-failure", { hasText: "payload.mismatch" }).waitFor();
  assert.equal(await page.locator(".row.event").count(), 0);
  assert.equal(await page.locator(".early").count(), 0);
  assert.equal(await page.locator(".verdict").count(), 0);
  assert.deepEqual(await violations(page), []);
});

/** Records in the page what is shown when, and layout shifts that no input caused. */
function observe(): void {
  const state = { shift: 0, tops: {} as Record<string, number>, said: "", isReady: false };
  Object.assign(window, { state });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & {
      value: number;
      hadRecentInput: boolean;
    })[])
      if (state.tops.early !== undefined && !entry.hadRecentInput) state.shift += entry.value;
  }).observe({ type: "layout-shift" });
  const look = () => {
    const viewer = document.querySelector("countersign-viewer");
    const is = (selector: string) => document.querySelector(selector) !== null;
    const hasRows = viewer?.shadowRoot?.querySelector(".row.event") != null;
    const phase = is(".verdict")
      ? is(".indexing")
        ? "indexing"
        : "indexed"
      : is(".early") && hasRows
        ? "early"
        : "";
    if (phase !== "" && state.tops[phase] === undefined) {
      state.tops[phase] = viewer?.getBoundingClientRect().top ?? 0;
      if (phase === "indexing") {
        state.said = viewer?.shadowRoot?.querySelector(".notice")?.textContent ?? "";
        state.isReady = viewer?.shadowRoot?.querySelector("[data-selection=ready]") != null;
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

interface Observed {
  readonly shift: number;
  readonly tops: Readonly<Record<string, number>>;
  readonly said: string;
  readonly isReady: boolean;
}

test("verdict: comes before the index, and moves nothing", { timeout: 2 * PATIENCE }, async (t) => {
  const page = await opened(t);
  await page.addInitScript(observe);
  await page.goto(server.address);
  const { exported, trust } = await recorded(events(40_000, "x".repeat(300)));
  await choose(page, "Choose a trust file", upload("trust.txt", trust));
  await choose(page, "Choose a file", upload("export.ndjson", exported));
  // A reader who uses the rows keeps them in view.
  await page.locator("countersign-viewer").dispatchEvent("pointerdown");
  await page.locator(".verdict").waitFor();
  assert.match((await page.locator("#verdict-heading").textContent()) ?? "", /^Verified\.$/);
  await page.waitForFunction(
    () => (window as unknown as { state: Observed }).state.tops.indexed !== undefined,
  );
  const { shift, tops, said, isReady } = await page.evaluate(
    () => (window as unknown as { state: Observed }).state,
  );
  assert.match(said, /so far\s+Indexing \d+%/);
  assert.equal(isReady, false);
  // A quick machine has the verdict before it renders any early row.
  if (tops.early !== undefined) assert.equal(tops.indexing, tops.early);
  assert.equal(tops.indexed, tops.indexing);
  assert.ok(shift < 0.01, `layout shift ${shift}`);
  await page.locator(".notice", { hasText: "40,000 events" }).waitFor();
  assert.equal(await page.getByRole("tab", { name: /^Events/ }).getAttribute("aria-selected"), "true");
  // The tab that the reader opens next folds the verdict again.
  await open(page, "Summary");
  await open(page, "Events");
  assert.equal(await page.locator(".inputs .verdict").count(), 1);
});
