import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { type Browser, choose, launch, PAGE, saved, unfold, upload, verdict } from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
before(async () => {
  browser = await launch({ remembers: true });
});
after(() => browser.close());

const WHOLE = readFileSync(vector("large-whole").export, "utf8");
/** The log of the vector at its first checkpoint. */
const EARLIER = `${WHOLE.split("\n").slice(0, 82).join("\n")}\n`.replace("[0,313]", "[0,80]");
const TRUST = vector("large-whole").trust ?? "";

/** The page from disk, as if never opened before. */
async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  return page;
}

/** Opens the page again, and verifies. */
async function verify(page: Page, content: string | Buffer, trust = TRUST): Promise<void> {
  await page.reload();
  await choose(page, "Choose a trust file", trust);
  await choose(page, "Choose a file", upload("export.ndjson", content));
  await page.locator(".verdict").waitFor();
}

const seen = (page: Page) => page.locator(".seen");
const state = async (page: Page) => seen(page).getAttribute("data-seen");
const remembered = (page: Page) => page.evaluate(() => localStorage.getItem("countersign.seen/v1"));

test("memory: remembers a log and confirms that nothing was rewritten", async (t) => {
  const page = await opened(t);
  await verify(page, EARLIER);
  assert.equal(await state(page), "first");
  assert.match((await seen(page).textContent()) ?? "", /It now remembers its size: 80\./);

  await verify(page, WHOLE);
  assert.equal(await verdict(page), "Verified.");
  assert.equal(await state(page), "grown");
  assert.match(
    (await seen(page).textContent()) ?? "",
    /Last seen here with 80 entries on\s+\d+ \w+ \d{4}\. Nothing has been rewritten since\./,
  );
  assert.equal(await page.locator('[data-check="append_only"]').getAttribute("data-state"), "pass");
  // An altered event doesn't rewrite the log, and the memory doesn't excuse it.
  await verify(page, WHOLE.replace('"event":{"', '"event":{"forged":1,"'));
  assert.equal(await verdict(page), "Altered.");
  assert.equal(await state(page), "grown");
  assert.match((await seen(page).textContent()) ?? "", /Its tree is still the same, but that doesn’t change/);
  // The last seen state counts from now on.
  await verify(page, WHOLE);
  assert.match((await seen(page).textContent()) ?? "", /Last seen here with 313 entries on/);
  assert.match((await page.locator(".command code").textContent()) ?? "", / --pin remembered-313\.pin\.txt$/);
  // An evidence file says that its pin is a remembered one.
  const { text } = await saved(page, "Save as evidence");
  await choose(page, "Choose another file", upload("remembered.html", text));
  await page.locator('[data-filed="open"]').waitFor();
  assert.match((await page.locator(".inputs").textContent()) ?? "", /1 pin\s+remembered-313\.pin\.txt/);
  assert.match(
    (await page.locator(".filed").textContent()) ?? "",
    /remembered-313\.pin\.txt,.*The author’s browser remembered this state of the log/s,
  );
});

test("memory: what it adds to the verdict isn't another result than a report's, unless it contradicts the file", async (t) => {
  const page = await opened(t);
  await verify(page, EARLIER);
  const { text } = await saved(page, "Download report");
  await verify(page, EARLIER);
  assert.equal(await page.locator('[data-check="append_only"]').getAttribute("data-state"), "pass");
  await choose(page, "Choose another file", [
    upload("r.report.json", text),
    upload("export.ndjson", EARLIER),
  ]);
  await page.locator('.report-compared[data-report="same"]').waitFor();
  assert.equal(await page.locator(".report-compared .tone-bad, .report-compared tbody").count(), 0);
  await verify(page, WHOLE);
  await verify(page, EARLIER);
  await choose(page, "Choose another file", [
    upload("r.report.json", text),
    upload("export.ndjson", EARLIER),
  ]);
  const compared = page.locator('.report-compared[data-report="remembered"]');
  await compared.waitFor();
  assert.match(
    (await compared.textContent()) ?? "",
    /differ because this device remembers a state of this log/,
  );
  await compared.getByRole("button", { name: "Check again without what this device remembers" }).click();
  await page.locator('.report-compared[data-report="same"]').waitFor();
});

test("memory: a log that was cut back is altered, unless the memory is left out", async (t) => {
  const page = await opened(t);
  await verify(page, WHOLE);
  await verify(page, EARLIER);
  assert.equal(await state(page), "smaller");
  assert.equal(await verdict(page), "This ends before a state of the log that was seen before.");
  await page.getByRole("button", { name: "Check again without what this device remembers" }).click();
  await page.locator(".verdict:not(.tone-bad)").waitFor();
  assert.equal(await seen(page).count(), 0);
  // The older state doesn't replace the newer one.
  assert.match((await remembered(page)) ?? "", /"size":313/);
});

test("memory: a rewritten log is altered and doesn't replace the honest one", async (t) => {
  const page = await opened(t);
  await verify(page, readFileSync(vector("log-two-chains").export), vector("log-two-chains").trust);
  await verify(page, WHOLE);
  assert.equal(await state(page), "rewritten");
  assert.equal(await verdict(page), "Altered.");
  assert.match((await remembered(page)) ?? "", /"size":15,/);
});

test("memory: the largest of several parts is compared", async (t) => {
  const page = await opened(t);
  await verify(page, readFileSync(vector("log-two-chains").export), vector("log-two-chains").trust);
  await page.reload();
  await choose(page, "Choose a trust file", TRUST);
  await choose(page, "Choose a file", [upload("a.ndjson", EARLIER), upload("b.ndjson", WHOLE)]);
  await page.locator(".parts").waitFor();
  await page.getByRole("button", { name: /^b\.ndjson Altered\./ }).click();
  assert.equal(await state(page), "rewritten");
  assert.equal(await verdict(page), "Altered.");
  assert.match((await remembered(page)) ?? "", /"size":15,/);
});

test("memory: a part that can't be compared keeps its own verdict", async (t) => {
  const page = await opened(t);
  const { export: file, trust, pins } = vector("pin-not-reached");
  const pin = readFileSync(pins[0] ?? "", "utf8");
  const entry = { pin, when: "2026-11-03T10:00:00.000Z" };
  await page.evaluate((list) => localStorage.setItem("countersign.seen/v1", list), JSON.stringify([entry]));
  await verify(page, readFileSync(file), trust);
  assert.equal(await state(page), "unknown");
  // The verdict is about the reader's input, which doesn't include that pin.
  assert.equal(await page.locator('[data-code="append_only.not_reached"]').count(), 0);
  assert.match(
    (await seen(page).textContent()) ?? "",
    /3 November 2026\. This file can’t show whether anything was rewritten since, because it omits where/,
  );
  assert.equal(await page.locator('[data-check="append_only"]').getAttribute("data-state"), "not_checked");
  // The older state remains what a later export must contain.
  assert.match((await remembered(page)) ?? "", /"when":"2026-11-03T10:00:00.000Z"/);
});

test("memory: forgets on request and remembers nothing when turned off", async (t) => {
  const page = await opened(t);
  await verify(page, EARLIER);
  await unfold(page);
  await page.getByText("Logs checked on this device").click();
  await page.getByRole("button", { name: "Forget log.example/audit" }).click();
  assert.deepEqual(JSON.parse((await remembered(page)) ?? "null"), []);
  await page.getByRole("checkbox", { name: /^Remember logs on this device/ }).uncheck();
  await verify(page, EARLIER);
  assert.equal(await remembered(page), null);
  assert.equal(await seen(page).count(), 0);
});

test("memory: doesn't remember untrusted logs or the sample", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", upload("export.ndjson", WHOLE));
  await page.locator(".verdict").waitFor();
  await unfold(page);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict.tone-fair").waitFor();
  assert.equal(await remembered(page), null);
});

test("memory: the page works without storage and says so", async (t) => {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get: () => {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await page.goto(pathToFileURL(PAGE).href);
  await verify(page, WHOLE);
  assert.equal(await verdict(page), "Verified.");
  await unfold(page);
  await page.getByText("Logs checked on this device").click();
  await page.getByText("This browser doesn’t let the page store anything").waitFor();
  await page.getByRole("button", { name: "Deutsch" }).click();
  await page.getByRole("heading", { name: "Ein Audit-Log prüfen" }).waitFor();
});
